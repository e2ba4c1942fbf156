// scores: a_i.b_j
// @use tile
fn scores(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  tile_product(c, row / 4u, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
}
