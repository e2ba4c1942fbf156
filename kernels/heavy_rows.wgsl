// out[i, m] = standard(i, heavy[m]), zeros from `count` to out_stride
// As feature_rows.
// @use grid standard
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, slice_rows: u32, strips: u32, count: u32, out_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read> heavy: array<u32>; // [count]
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [rows, out_stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let m = (group % p.strips) * WG + lane;
  if (group >= p.end_group || m >= p.out_stride) { return; }
  let first = (group / p.strips) * p.slice_rows;
  let end = min(first + p.slice_rows, p.rows);
  let inside = m < p.count;
  let column = heavy[select(0u, m, inside)];
  let f = feature(column);
  for (var i = first; i < end; i++) {
    out[i * p.out_stride + m] = select(0.0, standard(f, i, column), inside);
  }
}
