// Q_nk = u_n w_k E_nk / K, the codes, in place of E
// Neighbouring lanes write neighbours, which costs half of what a lane with rows of its own takes to write them.
// @use grid narrow
const WG: u32 = 16;

struct Params { first_group: u32, end_group: u32, rows: u32, columns4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> u: array<f32>; // [rows]
@group(0) @binding(2) var<storage, read> w: array<vec4f>; // [columns4]
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read_write> codes: array<vec4f>; // E, then Q, [rows, columns4]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.columns4 || state[WIDE] != 0u) { return; }
  let factors = w[k] / f32(4u * p.columns4);
  for (var n = 0u; n < p.rows; n++) {
    let at = n * p.columns4 + k;
    codes[at] = u[n] * factors * codes[at];
  }
}
