// out[s, k] = sum over the rows i of slice s of (z[i, k] - other[i, k])^2
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, slice_rows: u32, strips: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> other: array<f32>; // [rows, columns]
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [slices, columns]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = (group % p.strips) * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  let slice = group / p.strips;
  let first = slice * p.slice_rows;
  let end = min(first + p.slice_rows, p.rows);
  var squares = vec4f();
  for (var i = first; i < end; i++) {
    let apart = z[i * p.columns + k] - other[i * p.columns + k];
    squares = vec4f(squares.yzw, fma(apart, apart, squares.x));
  }
  out[slice * p.columns + k] = (squares.x + squares.y) + (squares.z + squares.w);
}
