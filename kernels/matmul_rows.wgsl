// out[i, j] = scale * sum_k lhs[i, k] rhs[k, j] (+ out[i, j])
// The left operand's rows lie along k; depth counts in fours (zeros on the left past the true depth).
// @use product tile_rows
fn gather(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  tile_product_rows(c, p.lhs_at4 + row * p.lhs_stride4, p.lhs_stride4, p.rhs_at4 + column4, p.rhs_stride4,
                    p.depth / 4u);
}
