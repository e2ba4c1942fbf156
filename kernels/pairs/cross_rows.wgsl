// loss = log(1 + R / e_positive) of row i (losses[i]) and of column i (losses[n + i]), and log2 Z and 1 - p_positive
// R comes relative to 2^top. The positive's logit is a dot product of its own, in f32, from the units.
// With GAP scores come by differences, see cross_gaps, and positives[i] = s_ii is there; else it is the output.
// @use grid contrast
const GAP: u32 = 0; // @tune 0 1
const WG: u32 = 64;
const LOG2E: f32 = 1.4426950408889634;

struct Params { first_group: u32, end_group: u32, n: u32, row_stride4: u32, side: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> tops: array<f32>; // rows, then columns from p.side on; in: tops, out: log2 Z
@group(0) @binding(2) var<storage, read_write> sums: array<f32>; // likewise; in: sums, out: 1 - p_positive
@group(0) @binding(3) var<storage, read> a: array<vec4f>; // units, [n, row_stride4]
@group(0) @binding(4) var<storage, read> b: array<vec4f>;
@group(0) @binding(5) var<storage, read> logit_scale: array<f32>;
@group(0) @binding(6) var<storage, read_write> losses: array<f32>; // [2, n]
@group(0) @binding(7) var<storage, read_write> positives: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.n) { return; }
  var products = vec4f();
  let features = select(p.row_stride4, 0u, GAP == 1u);
  for (var d = 0u; d < features; d++) { products = fma(a[i * p.row_stride4 + d], b[i * p.row_stride4 + d], products); }
  var score = (products.x + products.y) + (products.z + products.w);
  if (GAP == 1u) {
    score = positives[i];
  } else {
    positives[i] = score;
  }
  let positive = poisoned(score * (LOG2E * logit_scale[0]), logit_scale[0]);
  for (var side = 0u; side < 2u; side++) {
    let at = side * p.side + i;
    let one = contrast(sums[at], tops[at], positive);
    losses[side * p.n + i] = one.loss;
    tops[at] = one.log2_z;
    sums[at] = one.miss;
  }
}
