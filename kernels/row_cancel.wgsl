// cancels[i] = 1 where the pulls g[i] on row i all but cancel, else 0
// @use row_cancel
@group(0) @binding(4) var<storage, read> g: array<vec4f>; // [rows, stride4]

fn pulled(row: u32, at4: u32) -> vec4f { return g[at4]; }
