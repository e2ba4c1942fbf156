// w_ji = sum over both rows of factor 2^(l_ij - top) - hold, for the columns j of a panel and all rows i from its first on
// @use pair_panel pair_products sup_con_weigh
struct Params {
  first_group: u32, end_group: u32,
  n: u32, columns: u32, stride4: u32, first: u32, width4: u32, strips: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<stored4>; // units, transposed: [columns, 4 stride4]
@group(0) @binding(2) var<storage, read> rhs: array<stored4>; // the same
@group(0) @binding(3) var<storage, read> pulls: array<vec4f>; // see sup_con_rows
@group(0) @binding(4) var<storage, read> holds: array<f32>;
@group(0) @binding(5) var<storage, read> temperature: array<f32>;
@group(0) @binding(7) var<storage, read_write> weights: array<vec4f>; // [panel, 4 width4], rows i - first
