// out[row + m, 4 column4 + q] = scale * c (+ out, when accumulating), inside rows x columns
// By a loop over a scaled copy: unrolled, 128 stores under conditions of their own took lavapipe 14 s to compile, not 2.
// c itself stays in registers, as nothing indexes it by a number that is known only at run time.
// @use tile_shape
fn store_product(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  var scaled: array<vec4f, TILE_BLOCK>;
  // @unroll REGISTERS
  for (var i = 0u; i < TM * TV; i++) {
    scaled[i] = (*c)[i] * p.scale;
  }
  for (var i = 0u; i < TM * TV; i++) {
    let to = row + i / TV;
    let column = 4u * (column4 + (i % TV) * WX);
    if (to >= p.rows || column >= p.columns) { continue; }
    let at = p.out_at + to * p.out_stride + column;
    for (var q = 0u; q < min(4u, p.columns - column); q++) {
      out[at + q] = select(0.0, out[at + q], p.accumulating == 1u) + scaled[i][q];
    }
  }
}
