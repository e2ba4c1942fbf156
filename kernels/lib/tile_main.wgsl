// out[row + m, 4 column4 ..] = scale * what the kernel's `gather` adds up (+ out), a register tile a lane
// The kernel declares its Params and its buffers, `out` among them.
// @use grid store_product
@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = (group / p.strips) * TILE_ROWS + local.y * TM;
  let column4 = (group % p.strips) * (TILE_COLUMNS / 4u) + local.x;
  var c: array<vec4f, TILE_BLOCK>;
  tile_clear(&c);
  gather(&c, row, column4);
  store_product(&c, row, column4);
}
