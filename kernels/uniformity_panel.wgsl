// w_ji = 2 exp(-|u_i - u_j|^2 / (2 tau)) / Z for the columns j of a panel and all rows i from its first on
// @use grid tile_distance stored uniformity_weigh store_panel
struct Params {
  first_group: u32, end_group: u32,
  n: u32, columns: u32, stride4: u32, first: u32, width4: u32, strips: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<stored4>; // units, transposed: [columns, 4 stride4]
@group(0) @binding(2) var<storage, read> rhs: array<stored4>; // the same
@group(0) @binding(3) var<storage, read> weighing: array<f32>; // see uniformity.wgsl
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read_write> weights: array<vec4f>; // [panel, 4 width4], rows i - first

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let j0 = (group / p.strips) * TILE_ROWS + local.y * TM; // within the panel
  let i4 = (group % p.strips) * (TILE_COLUMNS / 4u) + local.x; // vec4s start the panel's first row
  var c: array<vec4f, TILE_BLOCK>;
  tile_clear(&c);
  tile_distance(&c, (p.first + j0) / 4u, p.stride4, p.first / 4u + i4, p.stride4, p.columns);
  weigh(&c, p.first + j0, p.first / 4u + i4);
  store_panel(&c, j0, i4, j0 + TM);
}
