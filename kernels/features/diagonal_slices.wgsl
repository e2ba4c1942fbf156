// sums[s, 0, k] = sum over the rows i of slice s of x y, sums[s, 1, k] = that of (x - y)^2: x standard(i, k), y the other's
// The diagonal of the cross-correlation, and what it lacks of 1: see barlow_diagonal.wgsl.
// @use grid standard_pair
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, slice_rows: u32, strips: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(5) var<storage, read_write> sums: array<f32>; // [slices, 2, columns]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = (group % p.strips) * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  let slice = group / p.strips;
  let first = slice * p.slice_rows;
  let end = min(first + p.slice_rows, p.rows);
  let f = feature(k);
  let o = other_feature(k);
  var products = vec4f();
  var squares = vec4f();
  for (var i = first; i < end; i++) {
    let x = standard(f, i, k);
    let y = standard_other(o, i, k);
    products = vec4f(products.yzw, fma(x, y, products.x));
    squares = vec4f(squares.yzw, fma(x - y, x - y, squares.x));
  }
  sums[2u * slice * p.columns + k] = (products.x + products.y) + (products.z + products.w);
  sums[(2u * slice + 1u) * p.columns + k] = (squares.x + squares.y) + (squares.z + squares.w);
}
