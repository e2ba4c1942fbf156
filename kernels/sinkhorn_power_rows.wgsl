// u_n = 1 / mean_k w_k E_nk
// @use grid narrow
const WG: u32 = 8;
const EACH: u32 = 4; // rows of a lane, WG apart: a load of w serves them all

struct Params { first_group: u32, end_group: u32, rows: u32, columns4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> powers: array<vec4f>; // E, [rows, columns4]
@group(0) @binding(2) var<storage, read> w: array<vec4f>; // [columns4]
@group(0) @binding(3) var<storage, read_write> u: array<f32>; // [rows]
@group(0) @binding(4) var<storage, read> state: array<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let n = group * WG * EACH + lane;
  if (group >= p.end_group || n >= p.rows || state[WIDE] != 0u) { return; }
  var sums: array<vec4f, EACH>;
  for (var first = 0u; first < p.columns4; first += 64u) {
    var some = array<vec4f, EACH>(); // with a value: one without was not cleared in every turn
    for (var k = first; k < min(first + 64u, p.columns4); k++) {
      let factors = w[k];
      // @unroll
      for (var r = 0u; r < EACH; r++) {
        some[r] = fma(factors, powers[min(n + r * WG, p.rows - 1u) * p.columns4 + k], some[r]);
      }
    }
    // @unroll
    for (var r = 0u; r < EACH; r++) {
      sums[r] += some[r];
    }
  }
  for (var r = 0u; r < EACH; r++) {
    if (n + r * WG < p.rows) { u[n + r * WG] = f32(4u * p.columns4) / ((sums[r].x + sums[r].y) + (sums[r].z + sums[r].w)); }
  }
}
