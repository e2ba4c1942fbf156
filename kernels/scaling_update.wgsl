// u_i = u_i / ratio_i^step, ratio_i = u_i mean_j u_j 2^(scale s_ij): the row's marginal over the one that is wanted
// From the partial sums of a pass. step = p.step (1 + over-relaxation); with step 0 the marginal is measured only.
// With a marginal penalty (kappa = epsilon / rho > 0) the wanted marginal is u_i^-kappa, and u_i = (u_i / ratio_i)^damping.
// @use grid scaling solver_state
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
  let mean = sum / f32(p.columns);
  let before = u[i];
  let marginal = before.y * mean * exp2(clamp(top, -126.0, 100.0));
  var wanted = 1.0;
  if (p.kappa > 0.0) { wanted = exp2(clamp(-p.kappa * (before.x + log2(before.y)), -100.0, 100.0)); }
  excess[i] = marginal - wanted;
  let step = p.step * (1.0 + state[EXTRA]);
  if (step == 0.0) { return; }
  if (p.kappa > 0.0) {
    let whole = before.x - top;
    let kept = round(p.damping * whole);
    let rest = fma(p.damping, whole, -kept) - p.damping * log2(mean);
    u[i] = scaling(kept + round(rest), exp2(rest - round(rest)));
  } else if (step == 1.0) {
    u[i] = scaling(before.x - top, 1.0 / mean);
  } else {
    var ratio = top + log2(before.y * mean);
    if (abs(excess[i]) < 0.0625) { ratio = log2_near_1(excess[i]); }
    let power = -step * ratio;
    u[i] = scaling(before.x + round(power), before.y * exp2(power - round(power)));
  }
}

// log2(1 + x), |x| < 1/16, to the last digits of x: with log2 itself the iteration would end in its rounding errors.
fn log2_near_1(x: f32) -> f32 {
  let series = 1.0 + x * (-1.0 / 2.0 + x * (1.0 / 3.0 + x * (-1.0 / 4.0 + x * (1.0 / 5.0 + x * (-1.0 / 6.0)))));
  return 1.4426950408889634 * x * series;
}
