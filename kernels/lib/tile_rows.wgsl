// c[m * TV + v] += sum_k lhs[row + m, k] * rhs[k, 4 (column4 + v WX) ..+3]
// As tile_product, for a left operand whose rows lie along k, in vec4s of k; the right operand has 4 depth4 rows (rows
// past the true depth meet zeros on the left, and must exist). The four steps stay a loop: unrolled, the block of c and
// sixteen vec4s of the left side fight for registers (7.6 GFLOP/s on lavapipe, not 16).
// @use tile
fn tile_product_rows(c: ptr<function, array<vec4f, TILE_BLOCK>>, lhs_at: u32, lhs_stride: u32, rhs_at: u32,
                     rhs_stride: u32, depth4: u32) {
  var r = rhs_at;
  for (var k = 0u; k < depth4; k++) {
    for (var s = 0u; s < 4u; s++) {
      var b: array<vec4f, TV>;
      // @unroll
      for (var v = 0u; v < TV; v++) {
        b[v] = vec4f(rhs[r + v * WX]);
      }
      // @unroll
      for (var m = 0u; m < TM; m++) {
        let a = f32(lhs[lhs_at + m * lhs_stride + k][s]);
        // @unroll
        for (var v = 0u; v < TV; v++) {
          (*c)[m * TV + v] = fma(vec4f(a), b[v], (*c)[m * TV + v]);
        }
      }
      r += rhs_stride;
    }
  }
}
