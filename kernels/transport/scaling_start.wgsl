// u_i = 1: (e, r) = (0, 0), and behind all of these the numbers themselves, see narrow
// @use grid
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> u: array<f32>; // [3 count]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  u[2u * i] = 0.0;
  u[2u * i + 1u] = 0.0;
  u[2u * p.count + i] = 1.0;
}
