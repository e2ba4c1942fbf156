// logits = scale s + e, a logit of any size with its digits
// `scale` has 12 bits, as has the upper part of s, so that their product is exact, fused or not, and so is its sum with the
// integer e below the top; `rest` is what is missing of the scale.
fn logits(s: vec4f, e: vec4f) -> vec4f {
  let upper = bitcast<vec4f>(bitcast<vec4u>(s) & vec4u(0xfffff000u));
  return (upper * p.scale + e) + (upper * p.rest + (s - upper) * (p.scale + p.rest));
}
