// P_ji = u_i w_j 2^(scale t_ji) in place of cached scores t, 0 in the padding; nothing where powers are cached instead
// Four columns a lane. A gradient then takes the factors for 1.
// @use grid scaling_logits narrow
const WG: u32 = 16;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, stride4: u32, scale: f32, rest: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> form: array<u32>;
@group(0) @binding(2) var<storage, read> w: array<vec2f>; // (e, r) of the rows j
@group(0) @binding(3) var<storage, read> u: array<vec4f>; // those of two columns i each
@group(0) @binding(4) var<storage, read_write> scores: array<vec4f>; // t, then P, [rows, stride4]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.stride4 || form[FORM] != WIDE) { return; }
  let one = u[2u * k];
  let two = u[2u * k + 1u];
  let exponents = vec4f(one.x, one.z, two.x, two.z);
  let factors = 1.0 + vec4f(one.y, one.w, two.y, two.w);
  let outside = vec4u(4u * k) + vec4u(0u, 1u, 2u, 3u) >= vec4u(p.columns);
  for (var n = 0u; n < p.rows; n++) {
    let at = n * p.stride4 + k;
    let plan = (1.0 + w[n].y) * factors * exp2(min(logits(scores[at], vec4f(w[n].x) + exponents), vec4f(120.0)));
    scores[at] = select(plan, vec4f(), outside);
  }
}
