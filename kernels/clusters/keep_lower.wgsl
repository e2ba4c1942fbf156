// out[i] = x[i] where candidate < best
// @use grid
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> candidate: array<f32>; // [1]
@group(0) @binding(2) var<storage, read> best: array<f32>; // [1]
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count || !(candidate[0] < best[0])) { return; }
  out[i] = x[i];
}
