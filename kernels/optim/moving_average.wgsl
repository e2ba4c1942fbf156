// average = average + rate (online - average), in the form whose small term is multiplied: at rates 0 and 1 nothing is rounded
// @use grid
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> rate: array<f32>; // [1]: 1 - momentum
@group(0) @binding(2) var<storage, read> online: array<f32>;
@group(0) @binding(3) var<storage, read_write> average: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  let gap = online[i] - average[i];
  if (rate[0] > 0.5) {
    average[i] = fma(rate[0] - 1.0, gap, online[i]);
  } else {
    average[i] = fma(rate[0], gap, average[i]);
  }
}
