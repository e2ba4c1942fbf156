// c[m * TV + v] += sum_k lhs[k, 4 row4 + m] * rhs[k, 4 (column4 + v WX) ..+3]
// The kernel declares `lhs` and `rhs` as array<vec4f>; both are k-major, `stride` vec4s a row.
// The loops over c unroll: an index known only at run time would put the block into memory (0.2 GFLOP/s, not 3).
// @use tile_shape hand_round tile_left
fn tile_product(c: ptr<function, array<vec4f, TILE_BLOCK>>, lhs_at: u32, lhs_stride: u32, rhs_at: u32, rhs_stride: u32,
                depth: u32) {
  let seat = hand_seat();
  var mine: array<vec4f, TM4>;
  var r = rhs_at;
  for (var k = 0u; k < depth; k++) {
    if (k % HANDS == 0u) { mine = tile_left(lhs_at + (k + seat % HANDS) * lhs_stride); }
    let a = handed(mine, seat, k % HANDS);
    var b: array<vec4f, TV>;
    // @unroll
    for (var v = 0u; v < TV; v++) {
      b[v] = vec4f(rhs[r + v * WX]);
    }
    // @unroll
    for (var m = 0u; m < TM; m++) {
      // @unroll
      for (var v = 0u; v < TV; v++) {
        (*c)[m * TV + v] = fma(vec4f(a[m / 4u][m % 4u]), b[v], (*c)[m * TV + v]);
      }
    }
    r += rhs_stride;
  }
}
