// keep: nothing is kept; the gradient recomputes what it needs
fn keep(c: ptr<function, array<vec4f, TILE_BLOCK>>, cell: u32, row: u32, column4: u32) {}
