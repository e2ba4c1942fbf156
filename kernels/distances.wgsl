// out[i, j] = scale * |a_i - b_j|^2 (+ out[i, j]), both k-major
// @use product tile_distance
fn gather(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  tile_distance(c, p.lhs_at4 + row / 4u, p.lhs_stride4, p.rhs_at4 + column4, p.rhs_stride4, p.depth);
}
