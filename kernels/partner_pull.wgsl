// g[i] = g[i] - (miss_i + miss_j) (u_j - u_i) for the positive j of row i: rows i and i + n/2 are each other's
// Of a row below the norm's floor, whose gradient knows what is along it, g[i] - (miss_i + miss_j) u_j.
// What a positive pulls may be more than all the other rows together. Added among them, it would round each that follows
// to its own digits; and what it pulls along u_i, which the gradient does not know, would take the place of those of the
// difference.
// @use grid
const WG: u32 = 64;
const EACH: u32 = 4;

struct Params { first_group: u32, end_group: u32, n: u32, stride4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units: array<vec4f>; // [n, stride4]
@group(0) @binding(2) var<storage, read> miss: array<f32>;
@group(0) @binding(3) var<storage, read> inverse_norms: array<f32>; // negative where the floor acts
@group(0) @binding(4) var<storage, read_write> g: array<vec4f>; // [n, stride4]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  // A pair of partners at a time.
  let half = p.n / 2u;
  // @unroll
  for (var e = 0u; e < EACH; e++) {
    let at = (group * EACH + e) * WG + lane;
    let i = at / p.stride4;
    if (i < half) {
      let pull = vec4f(miss[i] + miss[i + half]);
      let one = units[at];
      let two = units[at + half * p.stride4];
      g[at] -= pull * (two - select(one, vec4f(), inverse_norms[i] < 0.0));
      g[at + half * p.stride4] -= pull * (one - select(two, vec4f(), inverse_norms[i + half] < 0.0));
    }
  }
}
