// g[j] = -pull_j (u_j - u_nearest(j)) - sum over i with nearest(i) = j of pull_i (u_j - u_i), in the order of i
// A row is its owner's alone: LANES lanes look through all indices for those that name it, and add what they find.
// @use grid apart
const WG: u32 = 64;
const LANES: u32 = 1; // @tune 1 4 8 16 32 64

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> inverse_norms: array<f32>;
@group(0) @binding(3) var<storage, read> nearest: array<i32>;
@group(0) @binding(4) var<storage, read> pulls: array<f32>;
@group(0) @binding(5) var<storage, read_write> g: array<f32>; // [rows, stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let j = group * (WG / LANES) + lane / LANES;
  if (group >= p.end_group || j >= p.rows) { return; }
  let own = u32(nearest[j]);
  for (var k = lane % LANES; k < p.columns; k += LANES) { g[j * p.stride + k] = -pulls[j] * apart(j, own, k); }
  for (var i = 0u; i < p.rows; i++) {
    if (u32(nearest[i]) == j) {
      for (var k = lane % LANES; k < p.columns; k += LANES) { g[j * p.stride + k] -= pulls[i] * apart(j, i, k); }
    }
  }
}
