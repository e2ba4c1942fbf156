// c[m * TV + v] += sum_k lhs[k, 4 row4 + m] * rhs[k, 4 (column4 + v WX) ..+3]
// The kernel declares `lhs` and `rhs` as array<vec4f>; both are k-major, `stride` vec4s a row.
// @use tile_shape broadcast_left tile_left tile_right tile_outer
fn tile_product(c: ptr<function, array<vec4f, TILE_BLOCK>>, lhs_at: u32, lhs_stride: u32, rhs_at: u32, rhs_stride: u32,
                depth: u32) {
  let own_lane = broadcast_lane();
  let left_row = left_stride(lhs_stride);
  let right_row = right_stride(rhs_stride);
  for (var k = 0u; k < depth; k += KU) {
    var a = tile_left(lhs_at + k * left_row, left_row, own_lane, depth - k);
    var b = tile_right(rhs_at + k * right_row, right_row, depth - k);
    tile_outer(c, &a, &b, own_lane);
  }
}
