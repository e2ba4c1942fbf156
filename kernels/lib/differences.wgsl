// c += sum_k w_ik (own[i, d] - rhs[k, d]), a register tile from (row, 4 column4) on; the kernel's pair_weights says what w is
// By differences, since own * sum w - sum w rhs would lose the digits of near points.
// The kernel declares `own` and `rhs` as rows of vec4s, and where they start in its Params.
// @use tile_shape
fn differences(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  var mine: array<vec4f, TILE_BLOCK>;
  // @unroll
  for (var m = 0u; m < TM; m++) {
    // @unroll
    for (var v = 0u; v < TV; v++) {
      mine[m * TV + v] = own[p.own_at4 + (row + m) * p.own_stride4 + column4 + v * WX];
    }
  }
  for (var k = 0u; k < p.depth; k++) {
    let w = pair_weights(row, k);
    // @unroll
    for (var v = 0u; v < TV; v++) {
      let other = rhs[p.rhs_at4 + k * p.rhs_stride4 + column4 + v * WX];
      // @unroll
      for (var m = 0u; m < TM; m++) {
        (*c)[m * TV + v] = fma(vec4f(w[m / 4u][m % 4u]), mine[m * TV + v] - other, (*c)[m * TV + v]);
      }
    }
  }
}
