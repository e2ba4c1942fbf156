// c[m * TV + v] += sum_k lhs[row + m, k] * rhs[k, 4 (column4 + v WX) ..+3]
// As tile_product, for a left operand whose rows lie along k, in vec4s of k; the right operand has 4 depth4 rows (rows
// past the true depth meet zeros on the left, and must exist).
// @use tile
fn tile_product_rows(c: ptr<function, array<vec4f, TILE_BLOCK>>, lhs_at: u32, lhs_stride: u32, rhs_at: u32,
                     rhs_stride: u32, depth4: u32) {
  let seat = hand_seat();
  var mine: array<vec4f, TM4>;
  var r = rhs_at;
  for (var k = 0u; k < 4u * depth4; k++) {
    if (k % HANDS == 0u) {
      let own = k + seat % HANDS;
      // @unroll
      for (var m = 0u; m < TM; m++) {
        mine[m / 4u][m % 4u] = f32(lhs[lhs_at + m * lhs_stride + own / 4u][own % 4u]);
      }
    }
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
