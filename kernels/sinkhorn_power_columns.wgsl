// w_k = 1 / mean_n u_n E_nk
// @use grid narrow
const WG: u32 = 16;
const EACH: u32 = 2; // vec4s of a lane, WG apart: a load of u serves them all

struct Params { first_group: u32, end_group: u32, rows: u32, columns4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> powers: array<vec4f>; // E, [rows, columns4]
@group(0) @binding(2) var<storage, read> u: array<f32>; // [rows]
@group(0) @binding(3) var<storage, read_write> w: array<vec4f>; // [columns4]
@group(0) @binding(4) var<storage, read> state: array<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG * EACH + lane;
  if (group >= p.end_group || k >= p.columns4 || state[WIDE] != 0u) { return; }
  var sum: array<vec4f, EACH>;
  for (var first = 0u; first < p.rows; first += 64u) {
    var some = array<vec4f, EACH>(); // with a value: one without was not cleared in every turn
    for (var n = first; n < min(first + 64u, p.rows); n++) {
      let factor = vec4f(u[n]);
      // @unroll
      for (var c = 0u; c < EACH; c++) {
        some[c] = fma(factor, powers[n * p.columns4 + min(k + c * WG, p.columns4 - 1u)], some[c]);
      }
    }
    // @unroll
    for (var c = 0u; c < EACH; c++) {
      sum[c] += some[c];
    }
  }
  for (var c = 0u; c < EACH; c++) {
    if (k + c * WG < p.columns4) { w[k + c * WG] = vec4f(f32(p.rows)) / sum[c]; }
  }
}
