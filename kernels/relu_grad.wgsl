// dx = dy where x > 0, else 0; a = dy, b = x
// @use pair
fn combine(a: f32, b: f32) -> f32 { return select(0.0, a, b > 0.0); }
