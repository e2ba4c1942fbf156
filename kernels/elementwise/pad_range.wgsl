// out[i] = x[i - start] inside [start, start + length), else 0: the gradient of a slice
// @use grid
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, count: u32, start: u32, length: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  var value = 0.0;
  if (i >= p.start && i < p.start + p.length) { value = x[i - p.start]; }
  out[i] = value;
}
