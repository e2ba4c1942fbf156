// partial[slice, x, i] = sum of f(s_ij) over the columns j that one invocation of the slice meets
// Without a barrier: what the WX invocations of a row found is left for one sum over all of them.
// @use grid tile skip pair_values
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, lhs_stride4: u32, rhs_stride4: u32, slices: u32, slice_columns: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // a, [depth, 4 lhs_stride4]
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // b, [depth, 4 rhs_stride4]
@group(0) @binding(3) var<storage, read_write> partial: array<f32>; // [slices, WX, rows]

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let slice = group % p.slices;
  let row = (group / p.slices) * TILE_ROWS + local.y * TM;
  let end = min((slice + 1u) * p.slice_columns, p.columns);
  var total: array<f32, TM>;
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    total[m] = 0.0;
  }
  for (var left = slice * p.slice_columns; left < end; left += TILE_COLUMNS) {
    let column4 = left / 4u + local.x;
    var c: array<vec4f, TILE_BLOCK>;
    tile_clear(&c);
    scores(&c, row / 4u, column4);
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      var f = vec4f();
      // @unroll
      for (var v = 0u; v < TV; v++) {
        let j = vec4u(4u * (column4 + v * WX)) + vec4u(0u, 1u, 2u, 3u);
        f += select(c[m * TV + v], vec4f(), skipped(row + m, j));
      }
      total[m] += (f.x + f.y) + (f.z + f.w);
    }
  }
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    if (row + m < p.rows) {
      partial[(slice * WX + local.x) * p.rows + row + m] = total[m];
    }
  }
}
