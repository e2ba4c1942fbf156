// f[i] = scale log2 u_i, terms[i] = weight f_i, or weight (1 - exp(-f_i / rho)) rho with a marginal penalty
// @use grid log2_1p expm1 finite
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, first: u32, scale: f32, weight: f32, inverse_rho: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> u: array<vec2f>; // (e, r)
@group(0) @binding(2) var<storage, read_write> f: array<f32>;
@group(0) @binding(3) var<storage, read_write> terms: array<f32>; // from `first` on

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.rows) { return; }
  let potential = poisoned(p.scale * (u[i].x + log2_1p(u[i].y)), u[i].y); // some adapters' log hides a NaN
  f[i] = potential;
  terms[p.first + i] = p.weight * potential * slope(potential * p.inverse_rho);
}

// (1 - exp(-t)) / t
fn slope(t: f32) -> f32 {
  if (abs(t) > 0.0625) { return -exp2_less_1(-1.4426950408889634 * t) / t; }
  return 1.0 + t * (-1.0 / 2.0 + t * (1.0 / 6.0 + t * (-1.0 / 24.0 + t * (1.0 / 120.0))));
}
