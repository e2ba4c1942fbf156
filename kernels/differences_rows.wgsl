// out[i, d] = scale * sum_k lhs[i, k] (own[i, d] - rhs[k, d]) (+ out[i, d])
// @use pull tile_left_rows
fn pair_weights(row: u32, k: u32) -> array<vec4f, TM4> {
  return tile_left_rows(p.lhs_at4 + row * p.lhs_stride4, p.lhs_stride4, k);
}
