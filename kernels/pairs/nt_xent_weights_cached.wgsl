// w_ij = e_ij (1/Z_i + 1/Z_j) in place over the cached triangle; 0 for a positive pair: see positive_gradient
// @use grid triangle mark_partner
const WG: u32 = 64;
const ROWS: u32 = 4;
const LOG2E: f32 = 1.4426950408889634;

struct Params { first_group: u32, end_group: u32, n: u32, edge: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> log2_z: array<f32>;
@group(0) @binding(2) var<storage, read> temperature: array<f32>;
@group(0) @binding(3) var<storage, read_write> cache: array<vec4f>; // [blocks of the triangle, edge, edge]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let width = p.edge / 4u;
  // An invocation serves ROWS rows of its four columns. edge is a multiple of 32: whole workgroups, each within one block.
  let share = group * WG + lane;
  let row = ROWS * (share / width);
  let column4 = share % width;
  let cell = triangle_block(group / (p.edge * width / ROWS / WG));
  let last = p.n - 1u;
  let k = LOG2E / temperature[0];
  let j = vec4u(cell.y * p.edge + 4u * column4) + vec4u(0u, 1u, 2u, 3u);
  let clamped = min(j, vec4u(last));
  let b_j = exp2(vec4f(k) - vec4f(log2_z[clamped.x], log2_z[clamped.y], log2_z[clamped.z], log2_z[clamped.w]));
  // @unroll
  for (var m = 0u; m < ROWS; m++) {
    let at = (row + m) * width + column4;
    let i = cell.x * p.edge + (row + m) % p.edge;
    let b_i = exp2(k - log2_z[min(i, last)]);
    let blank = i >= p.n;
    let skip = (j == vec4u(row_mark(i))) | (j >= vec4u(p.n)) | vec4<bool>(blank);
    cache[at] = select(cache[at] * (b_i + b_j), vec4f(), skip);
  }
}
