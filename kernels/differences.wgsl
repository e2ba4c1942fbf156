// out[i, d] = scale * sum_k lhs[k, i] (own[i, d] - rhs[k, d]) (+ out[i, d])
// @use pull
fn pair_weights(row: u32, k: u32) -> array<vec4f, TM4> {
  var w: array<vec4f, TM4>;
  // @unroll
  for (var i = 0u; i < TM / 4; i++) {
    w[i] = lhs[p.lhs_at4 + k * p.lhs_stride4 + row / 4u + i];
  }
  return w;
}
