// pulled(f, o, i, k) = factor g[i, k] + o standard_other(f, i, k), f = other_feature(k), o = own[k]
// The gradient w.r.t. the standardised feature k.
// @use standard_pair
@group(0) @binding(5) var<storage, read> own: array<f32>; // [columns]
@group(0) @binding(6) var<storage, read_write> g: array<f32>; // [rows, columns]

fn pulled(f: Feature, o: f32, i: u32, k: u32) -> f32 {
  return fma(p.factor, g[i * p.columns + k], o * standard_other(f, i, k));
}
