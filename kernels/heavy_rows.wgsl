// out[i, m] = standard(i, heavy[m]), zeros from `count` to out_stride
// @use grid standard
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, count: u32, out_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read> heavy: array<u32>; // [count]
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [rows, out_stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  let i = at / p.out_stride;
  if (group >= p.end_group || i >= p.rows) { return; }
  let m = at - i * p.out_stride;
  var value = 0.0;
  if (m < p.count) { value = standard(feature(heavy[m]), i, heavy[m]); }
  out[at] = value;
}
