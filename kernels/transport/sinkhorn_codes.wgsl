// Q_nk = u_n w_k 2^(scale s_nk) / K, the codes, in place of the scores or powers that were cached
// Neighbouring lanes write neighbours, which costs half of what a lane with rows of its own takes to write them.
// @use grid scaling_logits narrow
const WG: u32 = 8;
const EACH: u32 = 4; // vec4s of a lane, WG apart: as in sinkhorn_powers

struct Params { first_group: u32, end_group: u32, rows: u32, columns4: u32, scale: f32, rest: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> form: array<u32>;
@group(0) @binding(2) var<storage, read> u: array<f32>; // (e, r) of the rows, then the plain factors
@group(0) @binding(3) var<storage, read> w: array<vec4f>; // those of two columns each, then of four
@group(0) @binding(4) var<storage, read_write> codes: array<vec4f>; // s or E, then Q, [rows, columns4]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let first = group * WG * EACH + lane;
  if (group >= p.end_group || first >= p.columns4) { return; }
  let powers = form[FORM] == POWERS;
  var exponents: array<vec4f, EACH>;
  var factors: array<vec4f, EACH>;
  // @unroll
  for (var c = 0u; c < EACH; c++) {
    let k = min(first + c * WG, p.columns4 - 1u);
    let one = w[2u * k];
    let two = w[2u * k + 1u];
    exponents[c] = vec4f(one.x, one.z, two.x, two.z);
    factors[c] = select(1.0 + vec4f(one.y, one.w, two.y, two.w), w[2u * p.columns4 + k], powers) / f32(4u * p.columns4);
  }
  for (var n = 0u; n < p.rows; n++) {
    let own = u[2u * n];
    var factor = 1.0 + u[2u * n + 1u];
    if (powers) { factor = u[plain_at(p.rows) + n]; }
    // @unroll
    for (var c = 0u; c < EACH; c++) {
      let k = first + c * WG;
      if (k < p.columns4) {
        let at = n * p.columns4 + k;
        var power = codes[at];
        if (!powers) { power = exp2(min(logits(power, exponents[c] + vec4f(own)), vec4f(120.0))); }
        codes[at] = factor * factors[c] * power;
      }
    }
  }
}
