// out = exp(x)
// @use unary finite
fn apply(x: f32) -> f32 { return select(exp(x), x, is_nan(x)); }
