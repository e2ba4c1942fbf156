// dx[o, r, i] = dy[o, i] exp(x[o, r, i] - tops[o, i]) / sums[o, i], the gradient of y = log sum over r of exp(x)
// @use grid softmax_weight
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
