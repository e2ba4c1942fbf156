// squared_radius[0] = max(squared_radius[0], bits of |x_i - origin_0|^2): how far points are from one of them, which bounds all costs
// Atomic, yet the same whatever the order, as a maximum is; magnitudes compare as their bits do, and NaN is larger than all.
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, stride]
@group(0) @binding(2) var<storage, read> origin: array<f32>; // its first row
@group(0) @binding(3) var<storage, read_write> squared_radius: array<atomic<u32>>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.rows) { return; }
  var square = 0.0;
  for (var k = 0u; k < p.columns; k++) {
    let apart = x[i * p.stride + k] - origin[k];
    square = fma(apart, apart, square);
  }
  atomicMax(&squared_radius[0], bitcast<u32>(square) & 0x7fffffffu);
}
