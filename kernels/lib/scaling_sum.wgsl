// (top, total) with four more entries v 2^l, l = scale s + e: total 2^top is their sum, top an integer
// @use scaling scaling_logits
fn added(sum: vec2f, s: vec4f, e: vec4f, v: vec4f, outside: vec4<bool>) -> vec2f {
  let l = select(logits(s, e), vec4f(FLOOR), outside);
  let higher = max(sum.x, ceil(max(max(l.x, l.y), max(l.z, l.w))));
  let below = logits(s, e - vec4f(higher));
  let more = select(v * exp2(select(below, vec4f(1.0), below > vec4f(1.0))), vec4f(), outside); // min would hide a NaN
  return vec2f(higher, rescaled(sum.y, sum.x, higher) + ((more.x + more.y) + (more.z + more.w)));
}
