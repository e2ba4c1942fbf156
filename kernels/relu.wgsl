// out = max(x, 0)
// Written so that a NaN stays one: max(NaN, 0) is 0.
// @use unary
fn apply(x: f32) -> f32 { return select(x, 0.0, x < 0.0); }
