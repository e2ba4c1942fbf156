// u = (1 + r) 2^e, a factor of a transport plan as (e, r): e an integer, sqrt(1/2) <= 1 + r < sqrt(2)
// Sums of such e are exact, so that the power of two that u_i u_j exp(-c / epsilon) takes is rounded once, when it is small.
// r keeps the digits of a factor near 1, whose logarithm is the potential where epsilon is far above the costs.
const FLOOR: f32 = -1e30; // top of a part without entries

// (e, r) of v 2^e, v > 0
fn scaling(e: f32, v: f32) -> vec2f {
  let bits = bitcast<u32>(v);
  if ((bits & 0x7f800000u) == 0x7f800000u) { return no_scaling(v); }
  let m = bitcast<f32>((bits & 0x007fffffu) | 0x3f800000u);
  let high = m >= 1.4142135;
  let k = f32(i32((bits >> 23u) & 0xffu) - 127) + select(0.0, 1.0, high);
  return vec2f(e + k, select(m, 0.5 * m, high) - 1.0);
}

// What is no number stays none: the digits of a NaN would pass for those of a factor.
fn no_scaling(v: f32) -> vec2f { return vec2f(bitcast<f32>(bitcast<u32>(v) | 0x7fc00000u)); }

// (e, r) of (1 + r) 2^e, for any r > -1
fn scaling_by(e: f32, r: f32) -> vec2f {
  if (r > -0.29 && r < 0.41) { return vec2f(e, r); }
  return scaling(e, 1.0 + r);
}

// total 2^before as a multiple of 2^top. Where nothing changes, nothing is rounded.
fn rescaled(total: f32, before: f32, top: f32) -> f32 {
  return select(total * exp2(before - top), total, before == top);
}

// two sums total 2^top as one
fn joined(a: vec2f, b: vec2f) -> vec2f {
  let top = max(a.x, b.x);
  return vec2f(top, rescaled(a.y, a.x, top) + rescaled(b.y, b.x, top));
}
