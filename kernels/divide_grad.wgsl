// out = -a / b, with a = dy y: the gradient of a quotient y for its divisor b
// @use pair
fn combine(a: f32, b: f32) -> f32 { return -a / b; }
