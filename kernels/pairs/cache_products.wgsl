// products[i, j] = c: the scores of a tile go into the cached matrix
@group(0) @binding(6) var<storage, read_write> products: array<vec4f>; // [n, 4 width4]

// By a loop over a copy: SwiftShader never ended compiling the 32 conditions one after the other.
fn store_in_cache(c: ptr<function, array<vec4f, TILE_BLOCK>>, cell: u32, row: u32, column4: u32) {
  var copy: array<vec4f, TILE_BLOCK>;
  // @unroll REGISTERS
  for (var i = 0u; i < TM * TV; i++) {
    copy[i] = (*c)[i];
  }
  for (var i = 0u; i < TM * TV; i++) {
    let to = row + i / TV;
    let at4 = column4 + (i % TV) * WX;
    if (to < p.n && at4 < p.width4) { products[to * p.width4 + at4] = copy[i]; }
  }
}
