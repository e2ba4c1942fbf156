// LARS: the squared norms of weights and gradients, and the step that their ratio scales
// @use grid

// @kernel lars_squares
// partial[s] = sum of w^2, partial[slices + s] = sum of (g + decay w)^2 over slice s
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, count: u32, slices: u32, decay: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>; // [2, slices]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let s = group * WG + lane;
  if (group >= p.end_group || s >= p.slices) { return; }
  var ofWeights = 0.0;
  var ofGradient = 0.0;
  for (var i = s; i < p.count; i += p.slices) {
    let w = weights[i];
    let g = fma(p.decay, w, gradient[i]);
    ofWeights = fma(w, w, ofWeights);
    ofGradient = fma(g, g, ofGradient);
  }
  partial[s] = ofWeights;
  partial[p.slices + s] = ofGradient;
}

// @kernel lars finite
// v = momentum v + inside q (g + decay w),  w = w - outside v,  q = trust |w| / |g + decay w|
// The learning rate is inside or outside of the momentum; the other is 1. q = 1 where trust or a norm is 0.
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  count: u32, inside: f32, outside: f32, decay: f32, momentum: f32, trust: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> squares: array<f32>; // |w|^2, |g + decay w|^2
@group(0) @binding(3) var<storage, read_write> velocity: array<f32>;
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  var q = 1.0;
  if (p.trust > 0.0 && squares[0] > 0.0 && squares[1] > 0.0) { q = p.trust * sqrt(squares[0]) / sqrt(squares[1]); }
  // At q = 1 a layer would jump by its whole gradient where one entry of it is NaN.
  if (is_nan(squares[0]) || is_nan(squares[1])) { q = as_nan(q); }
  let w = weights[i];
  let v = fma(p.momentum, velocity[i], p.inside * q * fma(p.decay, w, gradient[i]));
  velocity[i] = v;
  weights[i] = fma(-p.outside, v, w);
}
