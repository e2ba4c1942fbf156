// out = x^2
// @use unary
fn apply(x: f32) -> f32 { return x * x; }
