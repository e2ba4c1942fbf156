// means[i] = (-mean over i's positives j of 1 - s_ij, less what is the same for all j, and their number |P|)
// By the squares about the class's mean m: sum_j |u_i - u_j|^2 = (|P| + 1) |u_i - m|^2 + sum over the class of |u_j - m|^2.
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, n: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> apart: array<vec4f>; // see class_apart
@group(0) @binding(2) var<storage, read> spreads: array<vec4f>; // its sums over each class
@group(0) @binding(3) var<storage, read> classes: array<u32>; // of the n rows
@group(0) @binding(4) var<storage, read> members: array<u32>; // see class_sums
@group(0) @binding(5) var<storage, read_write> means: array<vec2f>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.n) { return; }
  let all = f32(members[classes[i] + 1u] - members[classes[i]]);
  let own = apart[i];
  let spread = spreads[classes[i]];
  let gaps = 0.5 * fma(all, own.x, spread.x) + (spread.y - own.y);
  means[i] = vec2f(-gaps / max(all - 1.0, 1.0), all - 1.0);
}
