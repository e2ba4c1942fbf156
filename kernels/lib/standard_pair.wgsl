// standard_other(i, k): as standard, of the other view
// @use standard
@group(0) @binding(3) var<storage, read> other: array<f32>; // [rows, columns]
@group(0) @binding(4) var<storage, read> other_moments: array<Moments>; // [columns]

fn standard_other(i: u32, k: u32) -> f32 {
  let m = other_moments[k];
  return ((other[i * p.columns + k] - other[k]) - m.mean) * m.scale;
}
