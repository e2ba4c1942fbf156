// w_ij = e_ij (1/Z_i + 1/Z_j) in place over the kept triangle; for a positive pair -(miss_i + miss_j)
// @use grid triangle
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
  let group = group_number(id, grid); // one row of one block
  if (group >= p.end_group) { return; }
  let cell = triangle_block(group / p.edge);
  let i = cell.x * p.edge + group % p.edge;
  let half = p.n / 2u;
  let positive = select(i + half, i - half, i >= half);
  let last = p.n - 1u;
  let k = LOG2E / temperature[0];
  let b_i = exp2(k - log2_z[min(i, last)]);
  let width = p.edge / 4u;
  let blank = i >= p.n;
  for (var column4 = lane; column4 < width; column4 += WG) {
    let j = vec4u(cell.y * p.edge + 4u * column4) + vec4u(0u, 1u, 2u, 3u);
    let at = min(j, vec4u(last));
    let b_j = vec4f(exp2(k - log2_z[at.x]), exp2(k - log2_z[at.y]), exp2(k - log2_z[at.z]), exp2(k - log2_z[at.w]));
    let pull = vec4f(miss[at.x], miss[at.y], miss[at.z], miss[at.w]) + miss[min(i, last)];
    let w = select(cache[group * width + column4] * (b_i + b_j), -pull, j == vec4u(positive));
    cache[group * width + column4] = select(w, vec4f(), (j >= vec4u(p.n)) | vec4<bool>(blank));
  }
}
