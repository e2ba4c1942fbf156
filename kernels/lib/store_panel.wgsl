// weights[j0 + m, 4 (i4 + v WX) ..+3] = c, inside the panel's width and before row `end`
// By a loop over a copy, as store_product: lavapipe took 15 s to compile the stores with their conditions unrolled.
// @use tile_shape
fn store_panel(c: ptr<function, array<vec4f, TILE_BLOCK>>, j0: u32, i4: u32, end: u32) {
  var copy: array<vec4f, TILE_BLOCK>;
  // @unroll REGISTERS
  for (var i = 0u; i < TM * TV; i++) {
    copy[i] = (*c)[i];
  }
  for (var i = 0u; i < TM * TV; i++) {
    let j = j0 + i / TV;
    let at4 = i4 + (i % TV) * WX;
    if (at4 < p.width4 && j < end) { weights[j * p.width4 + at4] = copy[i]; }
  }
}
