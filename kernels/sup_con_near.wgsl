// g[i] = sum_j w_ij (u_j - u_i), w_ij the sum over both rows of factor 2^(l_ij - top) - hold, 0 for i = j: see sup_con_panel
// Of positives that all but coincide e_ij / Z and 1 / |P| differ in their last digits: there it is what class_lifts says.
// @use near_rows mark_class expm1
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read> pulls: array<vec4f>; // see sup_con_rows
@group(0) @binding(7) var<storage, read> holds: array<f32>;
@group(0) @binding(8) var<storage, read> lifts: array<vec2f>;

fn other(at: u32) -> f32 { return units[at]; }

fn near_weight(i: u32, j: u32, gap: f32) -> f32 {
  if (i == j) { return 0.0; }
  let k = LOG2E / temperature[0];
  let same = row_mark(i) == row_mark(j);
  return half_weight(i, same, k, gap) + half_weight(j, same, k, gap);
}

fn half_weight(i: u32, same: bool, k: f32, gap: f32) -> f32 {
  let pull = pulls[i];
  if (!same) { return pull.y * exp2(min(fma(-k, gap, k - pull.x), 0.0)); }
  let lift = lifts[i]; // mean over P_i of e_ij - 1, R / Z
  if (lift.y >= 0.0) {
    return holds[i] * fma(1.0 - lift.y, (exp2_less_1(-k * gap) - lift.x) / (1.0 + lift.x), -lift.y);
  }
  return fma(pull.w, exp2(min(fma(-k, gap, k - pull.z), 0.0)), -holds[i]);
}
