// sum_j (1 + r_j) 2^(scale |a_i - b_j|^2 + e_i + e_j)
// @use scaling_pass tile_distance
const MAY_BE_NEAR: bool = true;

fn scores(c: ptr<function, array<vec4f, TILE_BLOCK>>, row4: u32, column4: u32) {
  tile_distance(c, row4, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
}
