// dx = dy, or 0 where x <= 0 (so a NaN is no dead unit); a = dy, b = x
// @use pair
fn combine(a: f32, b: f32) -> f32 { return select(a, 0.0, b <= 0.0); }
