// out[i, k] = x[i, k], with zeros from column `columns` to out_stride and from row `rows` on
// One invocation copies four neighbours of one row.
// @use grid
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, x_at: u32, x_stride: u32, out_rows: u32, out_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let four = group * WG + lane;
  let stride4 = p.out_stride / 4u;
  let i = four / stride4;
  if (group >= p.end_group || i >= p.out_rows) { return; }
  let k = 4u * (four % stride4);
  var value = vec4f();
  if (i < p.rows) {
    let at = p.x_at + i * p.x_stride + k;
    if (k < p.columns) { value.x = x[at]; }
    if (k + 1u < p.columns) { value.y = x[at + 1u]; }
    if (k + 2u < p.columns) { value.z = x[at + 2u]; }
    if (k + 3u < p.columns) { value.w = x[at + 3u]; }
  }
  out[four] = value;
}
