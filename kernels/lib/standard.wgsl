// standard(i, k) = ((z[i, k] - z[0, k]) - mean[k]) * scale[k]: feature k centred, and standardised where scale says so
// Relative to the first row, so that a mean far above the spread costs no digits, and a constant feature is exactly 0.
struct Moments {
  mean: f32, // of z[i, k] - z[0, k]
  scale: f32,
  spread: f32, // sum over i of (z[i, k] - mean)^2
  light: f32, // 1, or 0 for a feature that the Gram matrix of the rows leaves out
}

@group(0) @binding(1) var<storage, read> z: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> moments: array<Moments>; // [columns]

fn standard(i: u32, k: u32) -> f32 {
  let m = moments[k];
  return ((z[i * p.columns + k] - z[k]) - m.mean) * m.scale;
}
