// c[m * TV + v] += sum_k lhs[row + m, k] * rhs[k, 4 (column4 + v WX) ..+3]
// As tile_product, for a left operand whose rows lie along k, in vec4s of k; the right operand has 4 depth4 rows (rows
// past the true depth meet zeros on the left, and must exist).
// @use tile tile_left_rows
fn tile_product_rows(c: ptr<function, array<vec4f, TILE_BLOCK>>, lhs_at: u32, lhs_stride: u32, rhs_at: u32,
                     rhs_stride: u32, depth4: u32) {
  let own_lane = broadcast_lane();
  var mine: array<vec4f, TM4>;
  for (var k = 0u; k < 4u * depth4; k++) {
    if (k % BROADCAST_LANES == 0u) { mine = tile_left_rows(lhs_at, lhs_stride, k + own_lane % BROADCAST_LANES); }
    tile_outer(c, broadcast_left(mine, own_lane, k % BROADCAST_LANES), tile_right(rhs_at + k * rhs_stride));
  }
}
