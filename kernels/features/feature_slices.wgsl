// means[s, k] = mean over the rows i of slice s of z[i, k] - z[0, k], spreads[s, k] = sum of squares around it
// One lane a column; the mean first, then the squares around it. Four running sums: shorter chains, smaller error.
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, slice_rows: u32, strips: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read_write> means: array<f32>; // [slices, columns]
@group(0) @binding(3) var<storage, read_write> spreads: array<f32>; // [slices, columns]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = (group % p.strips) * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  let slice = group / p.strips;
  let first = slice * p.slice_rows;
  let end = min(first + p.slice_rows, p.rows);
  let start = z[k];
  var sums = vec4f();
  for (var i = first; i < end; i++) {
    sums = vec4f(sums.yzw, sums.x + (z[i * p.columns + k] - start)); // each its own fourth of the rows
  }
  let mean = ((sums.x + sums.y) + (sums.z + sums.w)) / f32(end - first);
  var squares = vec4f();
  for (var i = first; i < end; i++) {
    let off = (z[i * p.columns + k] - start) - mean;
    squares = vec4f(squares.yzw, fma(off, off, squares.x));
  }
  means[slice * p.columns + k] = mean;
  spreads[slice * p.columns + k] = (squares.x + squares.y) + (squares.z + squares.w);
}
