// g[i] = sum_j w_ij (u_j - u_i), w_ij = 2 exp(-|u_i - u_j|^2 / (2 tau)) / Z, 0 for i = j
// @use near_rows
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read> log2_z: array<f32>;

fn other(at: u32) -> f32 { return units[at]; }

fn near_weight(i: u32, j: u32, gap: f32) -> f32 {
  if (i == j) { return 0.0; }
  return 2.0 * exp2(min(fma(-LOG2E / temperature[0], gap, -log2_z[0]), 0.0));
}
