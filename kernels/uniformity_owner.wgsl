// g[i] = sum_j 2 exp(-|u_i - u_j|^2 / (2 tau)) / Z u_j for the rows of a workgroup
// @use row_owner pair_distances uniformity_weigh
struct Params { first_group: u32, end_group: u32, n: u32, columns: u32, stride4: u32, row_stride4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // units, transposed: [columns, 4 stride4]
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // the same
@group(0) @binding(3) var<storage, read> weighing: array<f32>; // see uniformity.wgsl
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read> rows: array<vec4f>; // units, [4 stride4, row_stride4]
@group(0) @binding(6) var<storage, read_write> g: array<vec4f>; // [4 stride4, row_stride4]
