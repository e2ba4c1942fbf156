// is_nan, not_finite: by bits, as compilers fold `x != x` to false, and max, min, clamp, log and exp hide a NaN on some adapters
// larger(a, b): max, but NaN where one is. poisoned(value, by): the value, or NaN where `by` is not finite
const NAN_BITS: u32 = 0x7fc00000u; // not as a float: WGSL refuses a constant NaN

fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

fn not_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u; }

fn as_nan(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) | NAN_BITS); }

fn larger(a: f32, b: f32) -> f32 {
  let top = select(max(a, b), b, is_nan(b));
  return select(top, a, is_nan(a));
}

fn poisoned(value: f32, by: f32) -> f32 { return select(value, as_nan(value), not_finite(by)); }
