// out[i, d] = scale * sum_k lhs[k, i] (own[i, d] - rhs[k, d]) (+ out[i, d])
// @use pull tile_left
fn pair_weights(row: u32, k: u32) -> array<vec4f, TM4> {
  return tile_left(p.lhs_at4 + k * p.lhs_stride4 + row / 4u);
}
