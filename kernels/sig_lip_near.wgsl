// g[i] = scale sum_j w_ij (v_j - u_i), w_ij = -y_ij sigmoid(-y_ij l_ij), l = logit_scale s + bias, y = 1 for j = i, else -1
// @use near_rows
@group(0) @binding(4) var<storage, read> others: array<f32>;
@group(0) @binding(5) var<storage, read> logit_scale: array<f32>;
@group(0) @binding(6) var<storage, read> bias: array<f32>;

fn other(at: u32) -> f32 { return others[at]; }

fn near_weight(i: u32, j: u32, gap: f32) -> f32 {
  let y = select(-1.0, 1.0, i == j);
  let x = -y * fma(1.0 - gap, logit_scale[0], bias[0]);
  let e = exp(-abs(x));
  return -y * select(e, 1.0, x >= 0.0) / (1.0 + e);
}
