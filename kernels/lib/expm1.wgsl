// exp2_less_1(x) = 2^x - 1 with its digits near x = 0
fn exp2_less_1(x: f32) -> f32 {
  if (abs(x) > 0.25) { return exp2(x) - 1.0; }
  let t = x * 0.6931471805599453;
  return t * (1.0 + t * (1.0 / 2.0 + t * (1.0 / 6.0 + t * (1.0 / 24.0 + t * (1.0 / 120.0 + t * (1.0 / 720.0))))));
}
