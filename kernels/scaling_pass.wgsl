// sum_j (1 + r_j) 2^(scale a_i.b_j + e_i + e_j)
// @use scaling_pass
const MAY_BE_NEAR: bool = false;

fn scores(c: ptr<function, array<vec4f, TILE_BLOCK>>, row4: u32, column4: u32) {
  tile_product(c, row4, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
}
