// w[j - first, i] = share dy u_i u_j 2^(scale t_ji): the plan's columns j of a panel and all rows i, from scores that are cached
// As scaling_weights, 0 for padding rows.
// @use grid scaling scaling_logits
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, first: u32, stride4: u32, width4: u32, scale: f32, rest: f32, share: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<vec4f>; // t, [all j, stride4]
@group(0) @binding(2) var<storage, read> own: array<vec2f>; // (e, r) of the j
@group(0) @binding(3) var<storage, read> other: array<vec4f>; // those of two rows i each
@group(0) @binding(4) var<storage, read> dy: array<f32>; // one number
@group(0) @binding(5) var<storage, read_write> weights: array<vec4f>; // [rows, width4]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  if (group >= p.end_group || at >= p.rows * p.width4) { return; }
  let i4 = at % p.width4;
  let j = p.first + at / p.width4;
  let mine = own[j];
  let one = other[2u * i4];
  let two = other[2u * i4 + 1u];
  let l = logits(scores[j * p.stride4 + i4], vec4f(mine.x) + vec4f(one.x, one.z, two.x, two.z));
  let factor = p.share * dy[0] * (1.0 + mine.y) * (1.0 + vec4f(one.y, one.w, two.y, two.w));
  let outside = vec4u(4u * i4) + vec4u(0u, 1u, 2u, 3u) >= vec4u(p.columns);
  weights[at] = select(factor * exp2(min(l, vec4f(120.0))), vec4f(), outside);
}
