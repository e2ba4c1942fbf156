// queue[(pointer + i) mod length, k] = x[i, k]
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, count: u32, columns: u32, length: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [count, columns], count <= length
@group(0) @binding(2) var<storage, read> pointer: array<f32>; // [1], a whole number below length
@group(0) @binding(3) var<storage, read_write> queue: array<f32>; // [length, columns]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  let i = at / p.columns;
  if (group >= p.end_group || i >= p.count) { return; }
  let row = (u32(pointer[0]) + i) % p.length;
  queue[row * p.columns + at % p.columns] = x[at];
}
