// u = v 2^e, a factor of a transport plan as (e, v): e an integer, 1 <= v < 2
// Sums of such e are exact, so that the power of two that u_i u_j exp(-c / epsilon) takes is rounded once, when it is small.
const FLOOR: f32 = -1e30; // top of a part without entries

fn scaling(e: f32, v: f32) -> vec2f {
  let bits = bitcast<u32>(v);
  if ((bits & 0x7f800000u) == 0x7f800000u) { return no_scaling(v); }
  return vec2f(e + f32(i32((bits >> 23u) & 0xffu) - 127), bitcast<f32>((bits & 0x007fffffu) | 0x3f800000u));
}

// What is no number stays none: the digits of a NaN would pass for those of a factor.
fn no_scaling(v: f32) -> vec2f { return vec2f(bitcast<f32>(bitcast<u32>(v) | 0x7fc00000u)); }

// total 2^before as a multiple of 2^top. Where nothing changes, nothing is rounded.
fn rescaled(total: f32, before: f32, top: f32) -> f32 {
  return select(total * exp2(before - top), total, before == top);
}
