// dx = dy / (2 y), y = sqrt(x); a = dy, b = y
// At x = 0 the slope is infinite: 0 there, so that a distance of zero pulls nowhere.
// @use pair
fn combine(a: f32, b: f32) -> f32 {
  if (b == 0.0) { return 0.0; }
  return a / (2.0 * b);
}
