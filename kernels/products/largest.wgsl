// top[0] = max(top[0], bits of |x[r, c]|): magnitudes compare as their bits do; NaN counts as larger than all
// Atomic, yet the same whatever the order, as a maximum is.
// @use grid
const WG: u32 = 64;
const EACH: u32 = 16; // elements an invocation

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, x_at: u32, x_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> top: array<atomic<u32>>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let count = p.rows * p.columns;
  let end = min((group + 1u) * EACH * WG, count);
  var most = 0u;
  for (var i = group * EACH * WG + lane; i < end; i += WG) {
    let value = x[p.x_at + (i / p.columns) * p.x_stride + i % p.columns];
    most = max(most, bitcast<u32>(value) & 0x7fffffffu);
  }
  if (most > 0u) { atomicMax(&top[0], most); }
}
