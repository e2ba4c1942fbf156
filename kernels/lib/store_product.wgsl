// out[row + m, 4 column4 + q] = scale * c (+ out, when accumulating), inside rows x columns
// @use tile
fn store_product(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  // @unroll
  for (var m = 0u; m < TM; m++) {
    if (row + m < p.rows) {
      let at = p.out_at + (row + m) * p.out_stride;
      // @unroll
      for (var v = 0u; v < TV; v++) {
        let column = 4u * (column4 + v * WX);
        // @unroll
        for (var q = 0u; q < 4; q++) {
          if (column + q < p.columns) {
            let before = select(0.0, out[at + column + q], p.accumulating == 1u);
            out[at + column + q] = fma((*c)[m * TV + v][q], p.scale, before);
          }
        }
      }
    }
  }
}
