// shortfall(|u|^2) = (1 - |u|^2) / 2 of a row below the norm's floor, 0 for a unit row, whatever rounding left of its 1
fn shortfall(square: f32) -> f32 { return select(0.0, 0.5 - 0.5 * square, square < 0.999); }
