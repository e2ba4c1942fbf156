// log_means[i] = (x_i, log2 of mean_j 2^(k (y_j + u_i.v_j)), 1 where that mean keeps its digits, miss_i), k = scale / ln 2
// u and v are the rows of both sides less the first one of their side, x_i = v_0.u_i and y_j = u_0.v_j, so that the score
// s_ij = s_00 + x_i + y_j + u_i.v_j. Where |k (y_j + u_i.v_j)| <= FAR for all j, the mean may be nearly 1, and its logarithm
// is taken by log2(1 + mean of expm1). Other rows get what log2_z says. Nothing is computed where no row of either side cancels.
// @use grid expm1 log2_1p
const WG: u32 = 64;
const ROWS: u32 = 1; // @tune 1 32
const LOG2E: f32 = 1.4426950408889634;
const FAR: f32 = 2.0; // exponents up to which all powers are of one size

struct Params { first_group: u32, end_group: u32, n: u32, columns: u32, stride: u32, own_at: u32, other_at: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> own: array<f32>; // u: [n, stride], see anchored_rows
@group(0) @binding(2) var<storage, read> others: array<f32>; // v
@group(0) @binding(3) var<storage, read> any: array<u32>;
@group(0) @binding(4) var<storage, read> log2_z: array<f32>; // of both sides, as the next
@group(0) @binding(5) var<storage, read> miss: array<f32>;
@group(0) @binding(6) var<storage, read> positives: array<f32>; // scores s_ii, as log2_z has them
@group(0) @binding(7) var<storage, read> logit_scale: array<f32>;
@group(0) @binding(8) var<storage, read_write> log_means: array<vec4f>; // of both sides; x of both is there

var<workgroup> parts: array<vec2f, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group || any[0] == 0u) { return; }
  let k = LOG2E * logit_scale[0];
  for (var i = group * ROWS; i < min((group + 1u) * ROWS, p.n); i++) {
    var part = vec2f(); // sum, whether one was far
    for (var j = lane; j < p.n && part.y == 0.0; j += WG) {
      var product = 0.0;
      for (var d = 0u; d < p.columns; d++) { product = fma(own[i * p.stride + d], others[j * p.stride + d], product); }
      let l = k * (log_means[p.other_at + j].x + product);
      part += vec2f(exp2_less_1(l), select(1.0, 0.0, abs(l) <= FAR));
    }
    parts[lane] = part;
    workgroupBarrier();
    if (lane == 0u) {
      var total = vec2f();
      for (var m = 0u; m < WG; m++) { total += parts[m]; }
      let at = p.own_at + i;
      let x = log_means[at].x;
      let known = fma(-k, positives[0] + x, log2_z[at]) - log2(f32(p.n));
      log_means[at] = vec4f(x, select(known, log2_1p(total.x / f32(p.n)), total.y == 0.0), select(0.0, 1.0, total.y == 0.0), miss[at]);
    }
    workgroupBarrier();
  }
}
