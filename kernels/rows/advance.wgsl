// pointer = (pointer + count) mod length
// @use grid

struct Params { first_group: u32, end_group: u32, count: u32, length: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> pointer: array<f32>; // [1]

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  if (group_number(id, grid) >= p.end_group) { return; }
  pointer[0] = f32((u32(pointer[0]) + p.count) % p.length);
}
