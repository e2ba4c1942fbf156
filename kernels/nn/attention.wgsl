// A softmax of scores in place, and its gradient
// @use grid

// @kernel attention_weights softmax_weight
// weights[i, j] = exp(weights[i, j] - tops[i]) / sums[i], in place: scores become the weights of a softmax
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, count: u32, width: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> tops: array<f32>;
@group(0) @binding(2) var<storage, read> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> weights: array<f32>; // [rows, width]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  if (group >= p.end_group || at >= p.count) { return; }
  let i = at / p.width;
  weights[at] = softmax_weight(weights[at], tops[i], sums[i], p.first_group * 0u);
}

// @kernel attention_grad
// slopes[i, j] = weights[i, j] (slopes[i, j] - weighted_slopes[first + i]), in place: back through a softmax
// weighted_slopes[i] = sum over j of weights[i, j] slopes[i, j], which is also the sum over c of dy[c, i] y[c, i].
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, count: u32, width: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> weights: array<f32>; // [rows, width]
@group(0) @binding(2) var<storage, read> weighted_slopes: array<f32>;
@group(0) @binding(3) var<storage, read_write> slopes: array<f32>; // [rows, width]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  if (group >= p.end_group || at >= p.count) { return; }
  slopes[at] = weights[at] * (slopes[at] - weighted_slopes[p.first + at / p.width]);
}
