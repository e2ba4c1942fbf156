// w_ij = exp(l_ij) (1/Z_i + 1/Z'_j) in place of s_ij for the rows i of a panel; -(miss_i + miss'_i) for the positive j = i
// Z, miss of rows; Z', miss' of columns. Two powers: both exponents are <= 0, so nothing overflows at any scale. 0 past
// the last column. One invocation goes down EACH rows of four columns.
// @use grid
const WG: u32 = 64;
const EACH: u32 = 8;
const LOG2E: f32 = 1.4426950408889634;

struct Params { first_group: u32, end_group: u32, n: u32, first: u32, count: u32, width4: u32, side4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> log2_z: array<vec4f>; // rows, then columns from 4 side4 on
@group(0) @binding(2) var<storage, read> miss: array<vec4f>;
@group(0) @binding(3) var<storage, read> logit_scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> weights: array<vec4f>; // [count, 4 width4]; in: s

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
  let k = vec4f(LOG2E * logit_scale[0]);
  let z_j = log2_z[p.side4 + j4];
  for (var r = top; r < end; r++) {
    let i = p.first + r;
    let l = weights[r * p.width4 + j4] * k;
    let four = log2_z[i / 4u];
    var w = exp2(min(l - vec4f(four[i % 4u]), vec4f())) + exp2(min(l - z_j, vec4f()));
    if (i / 4u == j4) { w = select(w, -(miss[j4] + miss[p.side4 + j4]), j == vec4u(i)); }
    weights[r * p.width4 + j4] = select(w, vec4f(), j >= vec4u(p.n));
  }
}
