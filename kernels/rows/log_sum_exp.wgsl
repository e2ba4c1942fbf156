// The log-sum-exp of rows or columns, and its gradient
// @use grid

// @kernel log_sum_exp rows special
// y[o, i] = log sum over r of exp(x[o, r, i]) = tops[o, i] + log sums[o, i]     x: [outer, reduced, inner]
// The top and the sum stay apart for the weights exp(x - top) / sum: where x is large, y has no digits left for log sum.
// A running maximum from the lowest number. One lane a result where there are many, LANES lanes a result where there are few.
// What is not finite is found by its bits, as adapters differ in what they make of it: sums is 0 where all x are -Infinity, -1
// where one is Infinity, and -2 where one is NaN.
struct Params { first_group: u32, end_group: u32, outer: u32, reduced: u32, inner: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> tops: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;

const LOWEST: f32 = -3.4028234e38;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let result = group * (WG / LANES) + lane / LANES;
  let last = p.outer * p.inner - 1u;
  let start = (min(result, last) / p.inner) * p.reduced * p.inner + min(result, last) % p.inner;
  var top = LOWEST;
  var total = 0.0;
  var worst = 0u; // 0: nothing but -Infinity, 1: a number, 2: Infinity, 3: NaN
  for (var r = lane % LANES; r < p.reduced; r += LANES) {
    let value = x[start + r * p.inner];
    let kind = kind_of(value);
    worst = max(worst, kind);
    if (kind == 1u) {
      // exp(0) is promised to 3 ulp only: a sum whose maximum stays is not multiplied by it.
      if (value > top) {
        total *= exp(max(top - value, -200.0));
        top = value;
      }
      total += exp(max(value - top, -200.0));
    }
  }
  let highest = row_max(lane, top);
  let sum = row_sum(lane, total * exp(max(top - highest, -200.0)));
  let of_all = u32(row_max(lane, f32(worst)));
  if (result > last || lane % LANES != 0u) { return; }
  y[result] = highest + log(max(sum, 1.0));
  if (of_all != 1u) { y[result] = special(of_all, p.first_group * 0u); }
  tops[result] = highest;
  sums[result] = select(select(sum, 1.0 - f32(of_all), of_all > 1u), 0.0, of_all == 0u);
}

// @kernel log_sum_exp_grad softmax_weight
// dx[o, r, i] = dy[o, i] exp(x[o, r, i] - tops[o, i]) / sums[o, i], the gradient of y = log sum over r of exp(x)
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, outer: u32, reduced: u32, inner: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> tops: array<f32>;
@group(0) @binding(3) var<storage, read> sums: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  if (group >= p.end_group || at >= p.outer * p.reduced * p.inner) { return; }
  let result = at / (p.reduced * p.inner) * p.inner + at % p.inner;
  dx[at] = dy[result] * softmax_weight(x[at], tops[result], sums[result], p.first_group * 0u);
}
