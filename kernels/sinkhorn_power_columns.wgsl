// w_k = 1 / mean_n u_n E_nk
// @use grid narrow
const WG: u32 = 16;

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
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.columns4 || state[WIDE] != 0u) { return; }
  var sum = vec4f();
  for (var first = 0u; first < p.rows; first += 64u) {
    var some = vec4f();
    for (var n = first; n < min(first + 64u, p.rows); n++) { some = fma(vec4f(u[n]), powers[n * p.columns4 + k], some); }
    sum += some;
  }
  w[k] = vec4f(f32(p.rows)) / sum;
}
