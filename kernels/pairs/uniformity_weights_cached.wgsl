// w_ij = 2 e_ij / Z in place over the cached triangle
// @use grid triangle
const WG: u32 = 64;
const ROWS: u32 = 4;

struct Params { first_group: u32, end_group: u32, n: u32, edge: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> weighing: array<f32>; // see uniformity.wgsl
@group(0) @binding(2) var<storage, read_write> cache: array<vec4f>; // [blocks of the triangle, edge, edge]

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
  let factor = weighing[1]; // e_ij is not relative to a top
  let j = vec4u(cell.y * p.edge + 4u * column4) + vec4u(0u, 1u, 2u, 3u);
  // @unroll
  for (var m = 0u; m < ROWS; m++) {
    let at = (row + m) * width + column4;
    let i = cell.x * p.edge + (row + m) % p.edge;
    let blank = i >= p.n;
    let skip = (j >= vec4u(p.n)) | vec4<bool>(blank);
    cache[at] = select(cache[at] * factor, vec4f(), skip);
  }
}
