// shortfalls[first + i] = (1 - |u_i|^2) / 2 for a row below the norm's floor, whose u is shorter than 1; 0 for all others
// With it |u_i - u_j|^2 / 2 and the shortfalls of both are 1 - u_i.u_j, and keeps the digits of rows that are near each other.
// @use grid shortfall
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, count: u32, columns: u32, stride: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units_t: array<f32>; // [columns, stride]
@group(0) @binding(2) var<storage, read_write> shortfalls: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  var square = 0.0;
  for (var k = 0u; k < p.columns; k++) { square = fma(units_t[k * p.stride + i], units_t[k * p.stride + i], square); }
  shortfalls[p.first + i] = shortfall(square);
}
