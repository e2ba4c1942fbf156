// gradient_at(f, o, i, k) = factor g[i, k] + o standard_other(f, i, k), f = other_feature(k), o = own[k]
// The gradient w.r.t. the standardised feature k.
// @use standard_pair grid
@group(0) @binding(5) var<storage, read> own: array<f32>; // [columns]
@group(0) @binding(6) var<storage, read_write> g: array<f32>; // [rows, columns]

fn gradient_at(f: Feature, o: f32, i: u32, k: u32) -> f32 {
  return fma(p.factor, g[i * p.columns + k], o * standard_other(f, i, k));
}

// @kernel standard_grad_sums
// sums[s, 0, k] = sum over the rows i of slice s of gradient_at(i, k), sums[s, 1, k] = that of gradient_at(i, k) standard(i, k)
// What the gradient through the standardisation takes off: see standard_grad.wgsl.
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, slice_rows: u32, strips: u32, factor: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(7) var<storage, read_write> sums: array<f32>; // [slices, 2, columns]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = (group % p.strips) * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  let slice = group / p.strips;
  let first = slice * p.slice_rows;
  let end = min(first + p.slice_rows, p.rows);
  let f = feature(k);
  let o = other_feature(k);
  let share = own[k];
  var total = vec4f();
  var along = vec4f();
  for (var i = first; i < end; i++) {
    let gradient = gradient_at(o, share, i, k);
    total = vec4f(total.yzw, total.x + gradient);
    along = vec4f(along.yzw, fma(gradient, standard(f, i, k), along.x));
  }
  sums[2u * slice * p.columns + k] = (total.x + total.y) + (total.z + total.w);
  sums[(2u * slice + 1u) * p.columns + k] = (along.x + along.y) + (along.z + along.w);
}

// @kernel standard_grad
// g[i, k] = dy scale[k] (gradient_at - its mean - standard(i, k) * mean of (gradient_at * standard)), in place, means over i
// The gradient through z -> (z - mean) / deviation, from that w.r.t. the standardised features. Of two rows the feature's
// own direction is all there is, and only epsilon keeps it from cancelling: that difference is taken on paper.
// One lane a column and slice of rows, as in feature_rows.
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, slice_rows: u32, strips: u32, factor: f32, epsilon: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(7) var<storage, read> sums: array<f32>; // [2, columns]
@group(0) @binding(8) var<storage, read> dy: array<f32>; // one number

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = (group % p.strips) * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  let first = (group / p.strips) * p.slice_rows;
  let end = min(first + p.slice_rows, p.rows);
  let f = feature(k);
  let o = other_feature(k);
  let share = 1.0 / f32(p.rows);
  let mean = sums[k] * share;
  let slope = sums[p.columns + k];
  let spread = moments[k].spread;
  let diagonal = own[k];
  let factor = f.scale * dy[0];
  for (var i = first; i < end; i++) {
    let along = standard(f, i, k) * slope;
    var rest = fma(-along, share, gradient_at(o, diagonal, i, k) - mean);
    if (p.rows == 2u && spread > 0.0) { rest = along * p.epsilon / spread; }
    g[i * p.columns + k] = rest * factor;
  }
}
