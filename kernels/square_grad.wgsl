// dx = dy 2 x, with a = dy, b = x
// @use pair
fn combine(a: f32, b: f32) -> f32 { return a * (2.0 * b); }
