// pair_tile: s_ij = u_i.u_j for a tile of pairs; less_1: s_ij - 1 of an entry of it
// @use tile
fn pair_tile(c: ptr<function, array<vec4f, TILE_BLOCK>>, row4: u32, column4: u32) {
  tile_product(c, row4, p.stride4, column4, p.stride4, p.columns);
}

fn less_1(c: vec4f) -> vec4f { return c - 1.0; }
