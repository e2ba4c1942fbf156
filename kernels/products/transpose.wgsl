// out[k, i] = x[i, k], with zeros from column `rows` of out to out_columns
// One invocation transposes a block of 4 x 4: reads and writes both stay within a few cache lines.
// @use grid
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, x_at: u32, x_stride: u32, out_columns: u32, out_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [columns, out_stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let cell = group * WG + lane;
  let across = (p.columns + 3u) / 4u;
  let i = 4u * (cell / across);
  let k = 4u * (cell % across);
  if (group >= p.end_group || i >= p.out_columns) { return; }
  // @unroll
  for (var m = 0u; m < 4; m++) {
    // @unroll
    for (var q = 0u; q < 4; q++) {
      if (i + q < p.out_columns && k + m < p.columns) {
        var value = 0.0;
        if (i + q < p.rows) { value = x[p.x_at + (i + q) * p.x_stride + k + m]; }
        out[(k + m) * p.out_stride + i + q] = value;
      }
    }
  }
}
