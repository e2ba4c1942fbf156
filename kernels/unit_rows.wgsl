// u[i] = z[i] / max(|z[i]|, 1e-12), stored twice: rows along d, and transposed (k-major) for tile products
// One of several views: its rows start at first_row; past its last row `blank_rows` rows of zeros fill up the tiles.
// inverse_norms[i] is 1/|z|, negative where the floor of 1e-12 acts (no projection in the gradient), 0 for a zero row.
// @use grid rows row_norm
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, first_row: u32, blank_rows: u32, row_stride: u32, column_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read_write> units: array<f32>; // [rows, row_stride]
@group(0) @binding(3) var<storage, read_write> units_t: array<f32>; // [columns, column_stride]
@group(0) @binding(4) var<storage, read_write> inverse_norms: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let start = min(row, p.rows - 1u) * p.columns;
  let length = row_norm(lane, start);
  let norm = max(length.norm, FLOOR);
  let scale = 1.0 / norm;
  let real = row < p.rows;
  if (row >= p.rows + p.blank_rows) { return; }
  let to = p.first_row + row;
  for (var k = lane % LANES; k < p.row_stride; k += LANES) {
    var u = 0.0;
    if (real && k < p.columns) { u = z[start + k] / norm; } // exactly 1 where columns = 1
    units[to * p.row_stride + k] = u;
    if (k < p.columns) { units_t[k * p.column_stride + to] = u; }
  }
  if (real && lane % LANES == 0u) {
    inverse_norms[to] = select(select(scale, -scale, length.norm <= FLOOR), 0.0, length.top == 0.0);
  }
}
