// u_i = u_i / ratio_i^step, ratio_i = u_i mean_j u_j 2^(scale s_ij): the row's marginal over the one that is wanted
// From the partial sums of a pass.
// @use grid scaling_step
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, parts: u32, columns: u32, step: f32, kappa: f32, damping: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>; // [parts, 2, rows]
@group(0) @binding(2) var<storage, read> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> u: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> excess: array<f32>; // the marginal less the wanted one, before the update

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.rows || state[STOPPED] != 0.0) { return; }
  var top = FLOOR;
  var sum = 0.0;
  for (var part = 0u; part < p.parts; part++) {
    let other = partial[part * 2u * p.rows + i];
    let higher = max(top, other);
    sum = rescaled(sum, top, higher) + rescaled(partial[(part * 2u + 1u) * p.rows + i], other, higher);
    top = higher;
  }
  let own = scaled(u[i], top, sum, p.columns);
  excess[i] = own.excess;
  u[i] = own.u;
}
