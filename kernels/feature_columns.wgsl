// out[k, i] = light[first + k] * standard(i, first + k): the transpose, zeros from the last row to out_stride
// One invocation turns a block of 4 x 4: reads and writes both stay within a few cache lines.
// @use grid standard
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, first: u32, count: u32, out_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [count, out_stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let cell = group * WG + lane;
  let across = (p.count + 3u) / 4u;
  let i = 4u * (cell / across);
  let k = 4u * (cell % across);
  if (group >= p.end_group || i >= p.out_stride) { return; }
  for (var m = 0u; m < 4u; m++) {
    if (k + m < p.count) {
      let column = p.first + k + m;
      let f = feature(column);
      let light = moments[column].light;
      for (var q = 0u; q < 4u; q++) {
        var value = 0.0;
        if (i + q < p.rows) { value = standard(f, i + q, column) * light; }
        out[(k + m) * p.out_stride + i + q] = value;
      }
    }
  }
}
