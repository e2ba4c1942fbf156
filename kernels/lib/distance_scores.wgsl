// scores: |a_i - b_j|^2, both k-major
// @use tile_distance
fn scores(c: ptr<function, array<vec4f, TILE_BLOCK>>, row4: u32, column4: u32) {
  tile_distance(c, row4, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
}
