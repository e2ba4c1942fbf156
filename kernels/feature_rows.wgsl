// out[i, k] = standard(i, first + k), rows along the features, zeros from `count` to out_stride
// One lane a column and slice of rows: it asks for its feature once, and an element a lane costs lavapipe four times the time.
// @use grid standard
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, slice_rows: u32, strips: u32, first: u32, count: u32, out_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [rows, out_stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = (group % p.strips) * WG + lane;
  if (group >= p.end_group || k >= p.out_stride) { return; }
  let first = (group / p.strips) * p.slice_rows;
  let end = min(first + p.slice_rows, p.rows);
  let inside = k < p.count;
  let column = p.first + select(0u, k, inside);
  let f = feature(column);
  for (var i = first; i < end; i++) {
    out[i * p.out_stride + k] = select(0.0, standard(f, i, column), inside);
  }
}
