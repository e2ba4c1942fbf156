// less_1(s, r) = (1 + r) 2^s - 1, of |s| <= 2: what a factor times a power is above 1, with the digits of both
// Where all costs are small against epsilon, sums are of these: of the powers themselves, which are all near 1, epsilon times
// the logarithm would be mostly rounding.
fn less_1(s: vec4f, r: vec4f) -> vec4f {
  let t = s * (0.5 * 0.6931471805599453); // half of it: 2^s - 1 = h (2 + h), h = e^t - 1
  let rest = t * (1.0 / 5040.0 + t * (1.0 / 40320.0 + t * (1.0 / 362880.0 + t * (1.0 / 3628800.0))));
  let h = t * (1.0 + t * (1.0 / 2.0 + t * (1.0 / 6.0 + t * (1.0 / 24.0 + t * (1.0 / 120.0 + t * (1.0 / 720.0 + rest))))));
  return fma(1.0 + r, fma(h, h, 2.0 * h), r);
}
