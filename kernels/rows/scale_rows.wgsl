// x[i, k] *= factors[i]
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> factors: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>; // [rows, stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  let i = at / p.columns;
  if (group >= p.end_group || i >= p.rows) { return; }
  x[i * p.stride + at % p.columns] *= factors[i];
}
