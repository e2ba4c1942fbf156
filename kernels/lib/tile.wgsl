// c[m * TV + v] += sum_k lhs[k, 4 row4 + m] * rhs[k, 4 (column4 + v WX) ..+3]
// The kernel declares `lhs` and `rhs` as array<vec4f>; both are k-major, `stride` vec4s a row.
// @use tile_shape broadcast_left tile_left tile_right tile_outer
fn tile_product(c: ptr<function, array<vec4f, TILE_BLOCK>>, lhs_at: u32, lhs_stride: u32, rhs_at: u32, rhs_stride: u32,
                depth: u32) {
  let own_lane = broadcast_lane();
  var mine: array<vec4f, TM4>;
  for (var k = 0u; k < depth; k++) {
    if (k % BROADCAST_LANES == 0u) { mine = tile_left(lhs_at + (k + own_lane % BROADCAST_LANES) * lhs_stride); }
    tile_outer(c, broadcast_left(mine, own_lane, k % BROADCAST_LANES), tile_right(rhs_at + k * rhs_stride));
  }
}
