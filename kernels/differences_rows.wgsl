// out[i, d] = scale * sum_k lhs[i, k] (own[i, d] - rhs[k, d]) (+ out[i, d])
// @use pull
fn pair_weights(row: u32, k: u32) -> array<vec4f, TM4> {
  var w: array<vec4f, TM4>;
  // @unroll
  for (var m = 0u; m < TM; m++) {
    w[m / 4u][m % 4u] = lhs[p.lhs_at4 + (row + m) * p.lhs_stride4 + k / 4u][k % 4u];
  }
  return w;
}
