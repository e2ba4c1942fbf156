// u[i] = z[i] / max(|z[i]|, 1e-12), stored twice: rows along d, and transposed (k-major) for tile products
// One of several views: its rows start at first_row; past its last row `blank_rows` rows of zeros fill up the tiles.
// inverse_norms[i] is 1/|z|, negative where the floor of 1e-12 acts (no projection in the gradient), 0 for a zero row.
// @use grid rows
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, first_row: u32, blank_rows: u32, row_stride: u32, column_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read_write> units: array<f32>; // [rows, row_stride]
@group(0) @binding(3) var<storage, read_write> units_t: array<f32>; // [columns, column_stride]
@group(0) @binding(4) var<storage, read_write> inverse_norms: array<f32>;

const FLOOR: f32 = 1e-12;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let start = min(row, p.rows - 1u) * p.columns;
  // Scaled by the largest entry: |z|^2 of rows of 1e20 would overflow.
  var top = 0.0;
  for (var k = lane % LANES; k < p.columns; k += LANES) { top = max(top, abs(z[start + k])); }
  top = row_max(lane, top);
  let shrink = select(1.0 / top, 0.0, top < 1e-37);
  var squares = vec4f();
  for (var k = lane % LANES; k < p.columns; k += 4u * LANES) {
    var x = vec4f(z[start + k], 0.0, 0.0, 0.0);
    if (k + LANES < p.columns) { x.y = z[start + k + LANES]; }
    if (k + 2u * LANES < p.columns) { x.z = z[start + k + 2u * LANES]; }
    if (k + 3u * LANES < p.columns) { x.w = z[start + k + 3u * LANES]; }
    x *= shrink;
    squares = fma(x, x, squares);
  }
  let norm = top * sqrt(row_sum(lane, (squares.x + squares.y) + (squares.z + squares.w)));
  let scale = 1.0 / max(norm, FLOOR);
  let real = row < p.rows;
  if (row >= p.rows + p.blank_rows) { return; }
  let to = p.first_row + row;
  for (var k = lane % LANES; k < p.row_stride; k += LANES) {
    var u = 0.0;
    if (real && k < p.columns) { u = z[start + k] * scale; }
    units[to * p.row_stride + k] = u;
    if (k < p.columns) { units_t[k * p.column_stride + to] = u; }
  }
  if (real && lane % LANES == 0u) {
    inverse_norms[to] = select(select(scale, -scale, norm <= FLOOR), 0.0, top == 0.0);
  }
}
