// standard(f, i, k) = ((z[i, k] - z[0, k]) - mean) * scale: feature k centred, and standardised where its scale says so
// Relative to the first row, so that a mean far above the spread costs no digits, and a constant feature is exactly 0.
// f = feature(k) is asked for once a lane: compilers load it again for every row otherwise.
struct Moments {
  mean: f32, // of z[i, k] - z[0, k]
  scale: f32,
  spread: f32, // sum over i of (z[i, k] - mean)^2
  included: f32, // 1, or 0 for a feature that the Gram matrix of the rows leaves out
}

struct Feature { first: f32, mean: f32, scale: f32 }

@group(0) @binding(1) var<storage, read> z: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> moments: array<Moments>; // [columns]

fn feature(k: u32) -> Feature {
  return Feature(z[k], moments[k].mean, moments[k].scale);
}

fn standard(f: Feature, i: u32, k: u32) -> f32 {
  return ((z[i * p.columns + k] - f.first) - f.mean) * f.scale;
}
