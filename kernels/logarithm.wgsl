// out = log(x): -Infinity at 0, NaN below and of NaN, which log itself shows on some adapters only
// @use unary finite log1p
fn apply(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) == 0u) { return bitcast<f32>(bits | 0xff800000u); }
  if (bits > 0x7f800000u) { return as_nan(x); } // the sign of numbers below 0 counts here
  if (bits == 0x7f800000u) { return x; }
  if (bits < 0x00800000u) { return log(f32(bits)) - 103.27893; } // x = bits * 2^-149, which adapters may flush to 0
  return log1p(x - 1.0); // x - 1 is exact near 1, where log itself may be 70 % off
}
