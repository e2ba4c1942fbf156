// log2_1p(x) = log2(1 + x) with its digits near x = 0
fn log2_1p(x: f32) -> f32 {
  if (abs(x) > 0.5) { return log2(1.0 + x); }
  let s = x / (2.0 + x); // log(1 + x) = 2 atanh(s), |s| <= 1/3
  let q = s * s;
  let series = 1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q * (1.0 / 13.0 + q * (1.0 / 15.0)))))));
  return 2.8853900817779268 * s * series;
}
