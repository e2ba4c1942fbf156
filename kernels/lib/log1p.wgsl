// log1p(x) = log(1 + x) with its digits near x = 0, where log(1 + x) has an absolute error alone
fn log1p(x: f32) -> f32 {
  if (abs(x) > 0.0625) { return log(1.0 + x); }
  // 1 + x would round x away; the next term is below 2^-24 of the sum.
  return x * (1.0 + x * (-1.0 / 2.0 + x * (1.0 / 3.0 + x * (-1.0 / 4.0 + x * (1.0 / 5.0 + x * (-1.0 / 6.0))))));
}
