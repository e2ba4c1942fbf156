// terms[i] = scale (log2 u_i - log2 w_i) + half excess_i: what point i adds to OT(x, y) - OT(x, x) / 2
// u: its factor in the plan with the other points; w: in that with its own, whose marginal is 1 + excess. The exponents
// are integers, so that what both potentials have in common cancels without a rounding.
// @use grid log2_1p finite
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, first: u32, scale: f32, half: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> u: array<vec2f>; // (e, r)
@group(0) @binding(2) var<storage, read> w: array<vec2f>;
@group(0) @binding(3) var<storage, read> excess: array<f32>;
@group(0) @binding(4) var<storage, read_write> terms: array<f32>; // from `first` on

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.rows) { return; }
  let ratio = (u[i].y - w[i].y) / (1.0 + w[i].y);
  let apart = poisoned((u[i].x - w[i].x) + log2_1p(ratio), ratio); // some adapters' log hides a NaN
  terms[p.first + i] = fma(p.scale, apart, p.half * excess[i]);
}
