// out[i, j] = (x[order[i], j] - mean[j]) * scale[j]; column `columns` is 1 (its weights are the biases), the rest 0
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> order: array<u32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> scale: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>; // [rows, stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid); // one row
  if (group >= p.end_group) { return; }
  let start = order[group] * p.columns;
  for (var j = lane; j < p.stride; j += WG) {
    var value = select(0.0, 1.0, j == p.columns);
    if (j < p.columns) { value = (x[start + j] - mean[j]) * scale[j]; }
    out[group * p.stride + j] = value;
  }
}
