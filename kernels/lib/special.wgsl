// kind_of(x): 0 -Infinity, 1 a number, 2 Infinity, 3 NaN; special(kind, zero): such a value, of kind 0, 2 or 3
// A constant that is not finite is no valid WGSL, so the bits meet a `zero` that only the GPU knows.
// @use finite
fn kind_of(x: f32) -> u32 {
  if (is_nan(x)) { return 3u; }
  if (!not_finite(x)) { return 1u; }
  return select(0u, 2u, x > 0.0);
}

fn special(kind: u32, zero: u32) -> f32 {
  let infinity = select(0xff800000u, 0x7f800000u, kind == 2u);
  return bitcast<f32>(select(infinity, NAN_BITS, kind == 3u) | zero);
}
