// scaled: u = u / ratio^step, ratio = u mean_j u_j 2^(scale s_ij), the row's marginal over the one that is wanted
// step = p.step (1 + over-relaxation); with step 0 the marginal is measured only. With a marginal penalty (kappa =
// epsilon / rho > 0) the wanted marginal is u^-kappa, and u = (u / ratio)^damping: by the logarithm, whose digits kappa asks for.
// Where all costs are small against epsilon (SMALL_COSTS), `sum` is that of what the terms are above 1, and so is all that
// follows. The kernel declares `state`.
// @use scaling solver_state log2_1p expm1
struct Scaled {
  u: vec2f,
  excess: f32, // the marginal less the wanted one, before the update
}

fn scaled(before: vec2f, top: f32, sum: f32, others: u32) -> Scaled {
  let small = state[SMALL_COSTS] != 0.0;
  // A NaN, or nothing but infinite distances.
  if ((!small && sum == 0.0) || (bitcast<u32>(sum) & 0x7f800000u) == 0x7f800000u) {
    let none = no_scaling(sum);
    return Scaled(none, none.x);
  }
  let mean = sum / f32(others);
  let own = log2_1p(before.y);
  let whole = select(before.x - top, 0.0, small); // -whole + level: log2 of the mean
  var level = log2_1p(mean);
  if (!small) { level = log2(mean); }
  let step = p.step * (1.0 + state[EXTRA]);
  if (p.kappa > 0.0) {
    let integer = round(p.damping * whole);
    let rest = fma(p.damping, whole, -integer) - p.damping * level;
    let more = select(round(rest), 0.0, small);
    let gap = (1.0 + p.kappa) * ((before.x - (integer + more)) + (own - (rest - more)));
    let wanted = exp2(clamp(-p.kappa * (before.x + own), -100.0, 100.0));
    let next = vec2f(integer + more, exp2_less_1(rest - more));
    return Scaled(select(next, before, step == 0.0), wanted * exp2_less_1(clamp(gap, -100.0, 100.0)));
  }
  var excess = fma(before.y, mean, mean) + before.y;
  if (!small) { excess = fma(before.y, mean, mean) * exp2(clamp(top, -126.0, 100.0)) - 1.0; }
  if (step == 0.0) { return Scaled(before, excess); }
  if (step == 1.0) {
    if (small) { return Scaled(vec2f(0.0, -mean / (1.0 + mean)), excess); }
    return Scaled(scaling(before.x - top, 1.0 / mean), excess);
  }
  // With log2 itself of a ratio near 1 the iteration would end in its rounding errors.
  var power = -step * log2_1p(excess);
  if (!small && abs(excess) > 0.5) { power = -step * (top + log2(fma(before.y, mean, mean))); }
  let exponent = select(round(power), 0.0, small);
  let r = fma(1.0 + before.y, exp2_less_1(power - exponent), before.y);
  if (small) { return Scaled(vec2f(0.0, r), excess); }
  return Scaled(scaling_by(before.x + exponent, r), excess);
}
