// apart[i] = (|u_i - m|^2, shortfall of row i, 0, 0), m the mean of the rows of i's class
// @use grid shortfall
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, n: u32, row_stride4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units: array<vec4f>; // [n, row_stride4]
@group(0) @binding(2) var<storage, read> sums: array<vec4f>; // [classes, row_stride4]
@group(0) @binding(3) var<storage, read> classes: array<u32>; // of the n rows
@group(0) @binding(4) var<storage, read> members: array<u32>; // see class_sums
@group(0) @binding(5) var<storage, read_write> apart: array<vec4f>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.n) { return; }
  let own = classes[i];
  let share = 1.0 / f32(members[own + 1u] - members[own]);
  var squares = vec4f();
  var lengths = vec4f();
  for (var d = 0u; d < p.row_stride4; d++) {
    let u = units[i * p.row_stride4 + d];
    let off = u - sums[own * p.row_stride4 + d] * share;
    squares = fma(off, off, squares);
    lengths = fma(u, u, lengths);
  }
  let length = (lengths.x + lengths.y) + (lengths.z + lengths.w);
  apart[i] = vec4f((squares.x + squares.y) + (squares.z + squares.w), shortfall(length), 0.0, 0.0);
}
