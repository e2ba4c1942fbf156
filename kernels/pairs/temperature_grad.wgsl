// dtemperature = dy * factor * slope / temperature
// @use grid
struct Params { first_group: u32, end_group: u32, factor: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> slope: array<f32>;
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  if (group_number(id, grid) >= p.end_group) { return; }
  out[0] = dy[0] * p.factor * slope[0] / temperature[0];
}
