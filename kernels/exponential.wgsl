// out = exp(x)
// @use unary
fn apply(x: f32) -> f32 { return exp(x); }
