// scale_own: u_i = u_i / ratio_i^step, ratio_i = u_i mean_j u_j 2^(scale s_ij), the row's marginal over the one that is wanted
// step = p.step (1 + over-relaxation); with step 0 the marginal is measured only. With a marginal penalty (kappa =
// epsilon / rho > 0) the wanted marginal is u_i^-kappa, and u_i = (u_i / ratio_i)^damping.
// The kernel declares `state`, `u` and `excess`: the marginal less the wanted one, before the update.
// @use scaling solver_state
fn scale_own(i: u32, top: f32, sum: f32, others: u32) {
  let mean = sum / f32(others);
  let before = u[i];
  if (sum == 0.0 || (bitcast<u32>(sum) & 0x7f800000u) == 0x7f800000u) { // a NaN, or nothing but infinite distances
    u[i] = no_scaling(sum);
    excess[i] = u[i].x;
    return;
  }
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
