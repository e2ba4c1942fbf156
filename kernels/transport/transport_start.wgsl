// state = 0, but SMALL_COSTS = 1 where squared_radius[0] <= most: all costs are small against epsilon
// @use grid solver_state
struct Params { first_group: u32, end_group: u32, most: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> squared_radius: array<u32>; // bits, see transport_radius
@group(0) @binding(2) var<storage, read_write> state: array<f32>; // [16]

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  if (group_number(id, grid) >= p.end_group) { return; }
  let small = lane == SMALL_COSTS && squared_radius[0] <= bitcast<u32>(p.most);
  state[lane] = select(0.0, 1.0, small);
}
