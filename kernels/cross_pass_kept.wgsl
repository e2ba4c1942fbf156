// row and column sums of exp(scale a_i.b_j), i != j, in parts; products[i, j] = a_i.b_j is kept
// @use cross_pass
@group(0) @binding(6) var<storage, read_write> products: array<vec4f>; // [n, 4 width4]

fn keep(c: ptr<function, array<vec4f, TILE_BLOCK>>, cell: u32, row: u32, column4: u32) {
  // @unroll
  for (var m = 0u; m < TM; m++) {
    // @unroll
    for (var v = 0u; v < TV; v++) {
      if (row + m < p.n && column4 + v * WX < p.width4) {
        products[(row + m) * p.width4 + column4 + v * WX] = (*c)[m * TV + v];
      }
    }
  }
}
