// out[r, k] = x[rows[r], k]
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, count: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [any, columns]
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [count, columns]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  let r = at / p.columns;
  if (group >= p.end_group || r >= p.count) { return; }
  out[at] = x[rows[r] * p.columns + at % p.columns];
}
