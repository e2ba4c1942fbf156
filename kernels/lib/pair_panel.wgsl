// weights = w_ji of `weigh`, from a tile of what `pair_tile` gives, for the columns j of a panel and all rows i from its first on
// The kernel declares its buffers: `lhs`, `rhs`, `weights`.
// @use grid tile_shape stored store_panel
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
