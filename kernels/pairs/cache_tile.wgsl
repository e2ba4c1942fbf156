// cache[cell, row + m, 4 (column4 + v WX) ..+3] = c: the tile goes into its block of the cached triangle
@group(0) @binding(5) var<storage, read_write> cache: array<vec4f>; // [blocks of the triangle, edge, edge]

fn store_in_cache(c: ptr<function, array<vec4f, TILE_BLOCK>>, cell: u32, row: u32, column4: u32) {
  let width = p.edge / 4u;
  let at = (cell * p.edge + row) * width + column4;
  // @unroll REGISTERS or loop
  for (var m = 0u; m < TM; m++) {
    // @unroll
    for (var v = 0u; v < TV; v++) {
      cache[at + m * width + v * WX] = (*c)[m * TV + v];
    }
  }
}
