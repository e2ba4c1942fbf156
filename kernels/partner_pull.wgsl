// g[i] = g[i] - (miss_i + miss_j) (u_j - u_i) for the positive j of row i
// What a positive pulls may be more than all the other rows together. Added among them, it would round each that follows
// to its own digits; and what it pulls along u_i, which the gradient does not know, would take the place of those of the
// difference.
// @use grid mark_partner
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, n: u32, stride4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units: array<vec4f>; // [n, stride4]
@group(0) @binding(2) var<storage, read> miss: array<f32>;
@group(0) @binding(3) var<storage, read_write> g: array<vec4f>; // [n, stride4]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  let i = at / p.stride4;
  if (group >= p.end_group || i >= p.n) { return; }
  let j = row_mark(i);
  let apart = units[j * p.stride4 + at % p.stride4] - units[at];
  g[at] = fma(vec4f(-(miss[i] + miss[j])), apart, g[at]);
}
