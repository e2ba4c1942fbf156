// pair_tile: |u_i - u_j|^2 for a tile of pairs; less_1: -|u_i - u_j|^2 / 2 of an entry of it, which is s_ij - 1 of unit rows
// It is what uniformity means: of a row below the norm's floor, too, and with the digits of rows that are near each other.
// @use tile_distance
fn pair_tile(c: ptr<function, array<vec4f, TILE_BLOCK>>, row4: u32, column4: u32) {
  tile_distance(c, row4, p.stride4, column4, p.stride4, p.columns);
}

fn less_1(c: vec4f) -> vec4f { return -0.5 * c; }
