// c[m * TV + v] += sum_k lhs[row + m, k] * rhs[k, 4 (column4 + v WX) ..+3]
// As tile_product, for a left operand whose rows lie along k: four steps of k from one load. `depth4` counts vec4s of k;
// the right operand has 4 depth4 rows (rows past the true depth meet zeros on the left, and must exist).
// @use tile
fn tile_product_rows(c: ptr<function, array<vec4f, TILE_BLOCK>>, lhs_at: u32, lhs_stride: u32, rhs_at: u32,
                     rhs_stride: u32, depth4: u32) {
  var r = rhs_at;
  for (var k = 0u; k < depth4; k++) {
    var a: array<vec4f, TM>;
    // @unroll
    for (var m = 0u; m < TM; m++) {
      a[m] = lhs[lhs_at + m * lhs_stride + k];
    }
    // @unroll
    for (var s = 0u; s < 4; s++) {
      var b: array<vec4f, TV>;
      // @unroll
      for (var v = 0u; v < TV; v++) {
        b[v] = rhs[r + v * WX];
      }
      // @unroll
      for (var m = 0u; m < TM; m++) {
        // @unroll
        for (var v = 0u; v < TV; v++) {
          (*c)[m * TV + v] = fma(vec4f(a[m][s]), b[v], (*c)[m * TV + v]);
        }
      }
      r += rhs_stride;
    }
  }
}
