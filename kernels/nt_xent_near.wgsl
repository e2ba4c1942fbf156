// g[i] = sum_j w_ij (u_j - u_i), w_ij = exp(s_ij / tau) (1/Z_i + 1/Z_j), for a positive pair -(miss_i + miss_j), 0 for i = j
// @use near_rows mark_partner
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read> log2_z: array<f32>;
@group(0) @binding(6) var<storage, read> miss: array<f32>;

fn other(at: u32) -> f32 { return units[at]; }

fn near_weight(i: u32, j: u32, gap: f32) -> f32 {
  if (i == j) { return 0.0; }
  if (row_mark(i) == j) { return -(miss[i] + miss[j]); }
  let k = LOG2E / temperature[0];
  return exp2(min(fma(-k, gap, k - log2_z[i]), 0.0)) + exp2(min(fma(-k, gap, k - log2_z[j]), 0.0));
}
