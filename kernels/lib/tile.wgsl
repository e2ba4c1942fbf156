// c[m * TV + v] += sum_k lhs[k, 4 row4 + m] * rhs[k, 4 (column4 + v WX) ..+3]
// The kernel declares `lhs` and `rhs` as array<vec4f>; both are k-major, `stride` vec4s a row.
// @use tile_shape hand_round tile_left tile_right tile_outer
fn tile_product(c: ptr<function, array<vec4f, TILE_BLOCK>>, lhs_at: u32, lhs_stride: u32, rhs_at: u32, rhs_stride: u32,
                depth: u32) {
  let seat = hand_seat();
  var mine: array<vec4f, TM4>;
  for (var k = 0u; k < depth; k++) {
    if (k % HANDS == 0u) { mine = tile_left(lhs_at + (k + seat % HANDS) * lhs_stride); }
    tile_outer(c, handed(mine, seat, k % HANDS), tile_right(rhs_at + k * rhs_stride));
  }
}
