// g[i] = scale sum_j w_ij (v_j - u_i), w_ij = exp(l_ij) (1/Z_i + 1/Z'_j), for the positive j = i -(miss_i + miss'_i)
// Rows u of one side, whose Z and miss are from own_at on, and v of the other: see cross_weights.
// With GAP Z is of exp(scale (s_ij - 1 + |o|^2 / 2)).
// @use near_rows
const GAP: u32 = 0; // @tune 0 1
@group(0) @binding(4) var<storage, read> others: array<f32>;
@group(0) @binding(5) var<storage, read> log2_z: array<f32>;
@group(0) @binding(6) var<storage, read> miss: array<f32>;
@group(0) @binding(7) var<storage, read> logit_scale: array<f32>;
@group(0) @binding(8) var<storage, read> terms: array<f32>; // see offset_columns.wgsl

fn other(at: u32) -> f32 { return others[at]; }

fn near_weight(i: u32, j: u32, gap: f32) -> f32 {
  if (i == j) { return -(miss[p.own_at + i] + miss[p.other_at + i]); }
  let k = LOG2E * logit_scale[0];
  let z_i = log2_z[p.own_at + i];
  let z_j = log2_z[p.other_at + j];
  let level = select(k, k * terms[4u * (p.own_at + p.other_at)], GAP == 1u);
  return exp2(min(fma(-k, gap, level - z_i), 0.0)) + exp2(min(fma(-k, gap, level - z_j), 0.0));
}
