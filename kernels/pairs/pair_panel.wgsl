// weights = w_ji of `weigh`, from a tile of what `pair_tile` gives, for the columns j of a panel and all rows i from its first on
// Each kernel below says what `weigh` needs, and where `weights` is.
// @use grid tile_shape stored store_panel
struct Params {
  first_group: u32, end_group: u32,
  n: u32, columns: u32, stride4: u32, first: u32, width4: u32, strips: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<stored4>; // units, transposed: [columns, 4 stride4]
@group(0) @binding(2) var<storage, read> rhs: array<stored4>; // the same

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let j0 = (group / p.strips) * TILE_ROWS + local.y * TM; // within the panel
  let i4 = (group % p.strips) * (TILE_COLUMNS / 4u) + local.x; // vec4s start the panel's first row
  var c: array<vec4f, TILE_BLOCK>;
  tile_clear(&c);
  pair_tile(&c, (p.first + j0) / 4u, p.first / 4u + i4);
  weigh(&c, p.first + j0, p.first / 4u + i4);
  store_panel(&c, j0, i4, j0 + TM);
}

// @kernel nt_xent_panel pair_products nt_xent_weigh
// w_ji = exp(s_ij / tau) (1/Z_i + 1/Z_j) for the columns j of a panel and all rows i from its first on
@group(0) @binding(3) var<storage, read> log2_z: array<f32>;
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read_write> weights: array<vec4f>; // [panel, 4 width4], rows i - first

// @kernel sup_con_panel pair_products sup_con_weigh
// w_ji = sum over both rows of factor 2^(l_ij - top) - target_weight, for the columns j of a panel and all rows i from its first on
@group(0) @binding(3) var<storage, read> row_factors: array<vec4f>; // see sup_con_rows
@group(0) @binding(4) var<storage, read> target_weights: array<f32>;
@group(0) @binding(5) var<storage, read> temperature: array<f32>;
@group(0) @binding(7) var<storage, read_write> weights: array<vec4f>; // [panel, 4 width4], rows i - first

// @kernel uniformity_panel pair_distances uniformity_weigh
// w_ji = 2 exp(-|u_i - u_j|^2 / (2 tau)) / Z for the columns j of a panel and all rows i from its first on
@group(0) @binding(3) var<storage, read> weighing: array<f32>; // see uniformity.wgsl
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read_write> weights: array<vec4f>; // [panel, 4 width4], rows i - first
