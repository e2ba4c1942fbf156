// precise_exp(x) = e^x of x <= 0 to its last digit or two; exp itself may be 3 + 2 |x| of them off
// 2^k e^r with |r| <= ln 2 / 2: k's products with the first digits of ln 2 are exact. 0 below the normal numbers.
const LN2_FIRST: f32 = 0.693359375;
const LN2_REST: f32 = -2.12194440054690583e-4;

fn precise_exp(x: f32) -> f32 {
  if (x < -87.0) { return 0.0; }
  let k = round(x * 1.4426950408889634);
  let r = fma(-k, LN2_REST, fma(-k, LN2_FIRST, x));
  let e = 1.0 + r * (1.0 + r * (1.0 / 2.0 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0))))));
  return ldexp(e, i32(k));
}
