// c[m * TV + v] += sum_k lhs[row + m, k] * rhs[k, 4 (column4 + v WX) ..+3]
// As tile_product, for a left operand whose rows lie along k, in vec4s of k; the right operand has 4 depth4 rows (rows
// past the true depth meet zeros on the left, and must exist). Four steps at a time, as a load of a row has them: number
// q LEFT_LANES + lane of `a` is a row.
// @use tile_shape broadcast_left left_operand right_operand
const ROW_LOADS: u32 = (TM + LEFT_LANES - 1) / LEFT_LANES;
const FOUR_RIGHT: u32 = 4 * TV;

fn tile_product_rows(c: ptr<function, array<vec4f, TILE_BLOCK>>, lhs_at: u32, lhs_stride: u32, rhs_at: u32,
                     rhs_stride: u32, depth4: u32) {
  let own_lane = broadcast_lane();
  let left_row = left_stride(lhs_stride);
  let right_row = right_stride(rhs_stride);
  for (var k4 = 0u; k4 < depth4; k4++) {
    var a: array<vec4f, ROW_LOADS>;
    // @unroll
    for (var q = 0u; q < ROW_LOADS; q++) {
      a[q] = left4(lhs_at + (q * LEFT_LANES + own_lane % LEFT_LANES) * left_row + k4, true);
    }
    var b: array<vec4f, FOUR_RIGHT>;
    // @unroll
    for (var u = 0u; u < 4; u++) {
      // @unroll
      for (var v = 0u; v < TV; v++) {
        b[u * TV + v] = right4(rhs_at + (4u * k4 + u) * right_row + v * WX, true);
      }
    }
    // @unroll
    for (var m = 0u; m < TM; m++) {
      var left: array<vec4f, 4>;
      // @unroll
      for (var u = 0u; u < 4; u++) {
        left[u] = vec4f(broadcast(a[m / LEFT_LANES][u], own_lane, m % LEFT_LANES));
      }
      // @unroll
      for (var v = 0u; v < TV; v++) {
        var sum = (*c)[m * TV + v];
        // @unroll
        for (var u = 0u; u < 4; u++) {
          sum = fma(left[u], b[u * TV + v], sum);
        }
        (*c)[m * TV + v] = sum;
      }
    }
  }
}
