// (top, total) with four more entries (1 + r) 2^l, l = scale s + e: total 2^top is their sum, top an integer
// @use scaling scaling_logits
const SUMMED: u32 = 64; // fours that are one sum: a longer one would gather the roundings of all

const FAR: f32 = 4194304.0; // factors up to which f32 subtracts an integer without a rounding

// l = logits(s, e) less an integer top. Where e - top would be rounded, the largest entry might be 0 or Infinity: what is left
// of the logits, which is no more than their own f32 digits, is then less the same top.
fn below(l: vec4f, s: vec4f, e: vec4f, top: vec4f) -> vec4f {
  let less = e - top;
  return select(logits(s, less), l - top, abs(less) > vec4f(FAR));
}

fn added(sum: vec2f, s: vec4f, e: vec4f, r: vec4f, outside: vec4<bool>) -> vec2f {
  let l = select(logits(s, e), vec4f(FLOOR), outside);
  let higher = max(sum.x, ceil(max(max(l.x, l.y), max(l.z, l.w))));
  let less = below(l, s, e, vec4f(higher));
  let powers = exp2(select(less, vec4f(1.0), less > vec4f(1.0))); // min would hide a NaN
  let more = select(fma(r, powers, powers), vec4f(), outside);
  return vec2f(higher, rescaled(sum.y, sum.x, higher) + ((more.x + more.y) + (more.z + more.w)));
}
