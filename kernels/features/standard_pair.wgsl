// standard_other(f, i, k), f = other_feature(k): as standard, of the other view
// @use standard
@group(0) @binding(3) var<storage, read> other: array<f32>; // [rows, columns]
@group(0) @binding(4) var<storage, read> other_moments: array<Moments>; // [columns]

fn other_feature(k: u32) -> Feature {
  return Feature(other[k], other_moments[k].mean, other_moments[k].scale);
}

fn standard_other(f: Feature, i: u32, k: u32) -> f32 {
  return ((other[i * p.columns + k] - f.first) - f.mean) * f.scale;
}
