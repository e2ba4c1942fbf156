// w_ij as cross_weights, with all logits of s_ij - 1, and slopes: parts of sum_ij e_ij / Z_i (s_ij - s_ii) + e_ij / Z'_j (s_ij - s_jj)
// That is the gradient of the scale: differences of scores that have their digits, each with its weight, so that nothing
// cancels but what cancels in it. `weights` comes as s_ij - 1, or with SQUARES as |a_i - b_j|^2: see cross_gaps.
// @use grid
const WG: u32 = 64;
const EACH: u32 = 8;
const SQUARES: u32 = 0; // @tune 0 1
const LOG2E: f32 = 1.4426950408889634;

struct Params { first_group: u32, end_group: u32, n: u32, first: u32, count: u32, width4: u32, side4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> log2_z: array<vec4f>; // rows, then columns from 4 side4 on; the next two likewise
@group(0) @binding(2) var<storage, read> miss: array<vec4f>;
@group(0) @binding(3) var<storage, read> shortfalls: array<vec4f>;
@group(0) @binding(4) var<storage, read> positives: array<vec4f>; // s_ii - 1
@group(0) @binding(5) var<storage, read> logit_scale: array<f32>;
@group(0) @binding(6) var<storage, read_write> weights: array<vec4f>; // [count, 4 width4]
@group(0) @binding(7) var<storage, read_write> slopes: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let cell = group * WG + lane;
  let top = EACH * (cell / p.width4);
  if (group >= p.end_group || top >= p.count) { return; }
  let end = min(top + EACH, p.count);
  let j4 = cell % p.width4;
  let j = vec4u(4u * j4) + vec4u(0u, 1u, 2u, 3u);
  let past = j >= vec4u(p.n);
  let k = vec4f(LOG2E * logit_scale[0]);
  let z_j = log2_z[p.side4 + j4];
  let short_j = shortfalls[p.side4 + j4];
  let blank_j = shortfalls[3u * p.side4 + j4] == vec4f(1.0);
  var slope = vec4f();
  for (var r = top; r < end; r++) {
    let i = p.first + r;
    let short_i = shortfalls[i / 4u][i % 4u];
    var s = weights[r * p.width4 + j4];
    if (SQUARES == 1u) { s = -fma(s, vec4f(0.5), short_j + vec4f(short_i)); }
    // Of a zero row all scores are 0, and what they seem to differ by is rounding.
    let own = select(vec4f(positives[i / 4u][i % 4u]), s, shortfalls[2u * p.side4 + i / 4u][i % 4u] == 1.0);
    let other = select(positives[j4], s, blank_j);
    let z_i = vec4f(log2_z[i / 4u][i % 4u]);
    let along = exp2(min(fma(s, k, -z_i), vec4f()));
    let down = exp2(min(fma(s, k, -z_j), vec4f()));
    let skip = past | (j == vec4u(i));
    slope += select(fma(along, s - own, down * (s - other)), vec4f(), skip);
    var w = along + down;
    if (i / 4u == j4) { w = select(w, -(miss[j4] + miss[p.side4 + j4]), j == vec4u(i)); }
    weights[r * p.width4 + j4] = select(w, vec4f(), past);
  }
  slopes[cell] = (slope.x + slope.y) + (slope.z + slope.w);
}
