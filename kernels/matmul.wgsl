// out[i, j] = scale * sum_k lhs[k, i] rhs[k, j] (+ out[i, j])
// Both operands are k-major: the left one is stored transposed.
// @use product tile_long
fn gather(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  tile_long_product(c, p.lhs_at4 + row / 4u, p.lhs_stride4, p.rhs_at4 + column4, p.rhs_stride4, p.depth);
}
