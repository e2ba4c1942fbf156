// R[i] = sum over j not in {i, positive of i} of exp((s_ij - 1) / tau); no tile is kept
// @use pair_sums
fn keep(c: ptr<function, array<vec4f, TILE_BLOCK>>, cell: u32, row: u32, column4: u32) {}
