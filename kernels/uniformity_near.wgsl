// g[i] = sum_j w_ij (u_j - u_i), w_ij = 2 exp(-|u_i - u_j|^2 / (2 tau)) / Z, 0 for i = j
// @use near_rows
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read> weighing: array<f32>; // see uniformity.wgsl

fn other(at: u32) -> f32 { return units[at]; }

fn near_weight(i: u32, j: u32, gap: f32) -> f32 {
  if (i == j) { return 0.0; }
  return weighing[1] * exp2(min((-2.0 * gap - weighing[0]) * (0.5 * LOG2E / temperature[0]), 0.0));
}
