// w_ij = e_ij (1/Z_i + 1/Z_j) in place over the kept triangle; for a positive pair -(miss_i + miss_j)
// @use grid triangle mark_partner
const WG: u32 = 64;
const LOG2E: f32 = 1.4426950408889634;

struct Params { first_group: u32, end_group: u32, n: u32, edge: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> log2_z: array<f32>;
@group(0) @binding(2) var<storage, read> miss: array<f32>;
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<storage, read_write> cache: array<vec4f>; // [blocks of the triangle, edge, edge]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let width = p.edge / 4u;
  let at = group * WG + lane; // edge is a multiple of 16: whole workgroups, each within one block
  let row = at / width;
  let column4 = at - row * width;
  let cell = triangle_block(group / (p.edge * width / WG));
  let i = cell.x * p.edge + row % p.edge;
  let positive = row_mark(i);
  let last = p.n - 1u;
  let k = LOG2E / temperature[0];
  let b_i = exp2(k - log2_z[min(i, last)]);
  let blank = i >= p.n;
  let j = vec4u(cell.y * p.edge + 4u * column4) + vec4u(0u, 1u, 2u, 3u);
  let near = min(j, vec4u(last));
  let b_j = exp2(vec4f(k) - vec4f(log2_z[near.x], log2_z[near.y], log2_z[near.z], log2_z[near.w]));
  let pull = vec4f(miss[near.x], miss[near.y], miss[near.z], miss[near.w]) + miss[min(i, last)];
  let w = select(cache[at] * (b_i + b_j), -pull, j == vec4u(positive));
  cache[at] = select(w, vec4f(), (j >= vec4u(p.n)) | vec4<bool>(blank));
}
