// out[i, j] = scale * sum_k lhs[i, k] rhs[k, j] (+ out[i, j])
// The left operand's rows lie along k; depth counts in fours (zeros on the left past the true depth).
// @use product tile_rows
fn gather(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  for (var first = 0u; first < p.depth; first += TILE_SPAN) {
    var part: array<vec4f, TILE_BLOCK>;
    tile_clear(&part);
    tile_product_rows(&part, p.lhs_at4 + row * p.lhs_stride4 + first / 4u, p.lhs_stride4,
                      p.rhs_at4 + column4 + first * p.rhs_stride4, p.rhs_stride4, min(TILE_SPAN, p.depth - first) / 4u);
    tile_add(c, &part);
  }
}
