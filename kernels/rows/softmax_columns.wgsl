// The softmax of each row, stored transposed, and its gradient
// @use grid

// @kernel softmax_columns rows precise_exp
// out[k, i] = exp(x[i, k]) / sum over j of exp(x[i, j]): the softmax of each row, stored transposed
// Where all clusters are alike, the loss lives on their little differences: of which the usual exp leaves few digits.
const FLOOR: f32 = -1e30;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [columns, rows]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let i = group * (WG / LANES) + lane / LANES;
  let start = min(i, p.rows - 1u) * p.columns;
  var top = FLOOR;
  for (var k = lane % LANES; k < p.columns; k += LANES) { top = max(top, x[start + k]); }
  top = row_max(lane, top);
  var sums = vec4f();
  for (var k = lane % LANES; k < p.columns; k += LANES) {
    sums = vec4f(sums.yzw, sums.x + precise_exp(x[start + k] - top));
  }
  let total = row_sum(lane, (sums.x + sums.y) + (sums.z + sums.w));
  if (i >= p.rows) { return; }
  for (var k = lane % LANES; k < p.columns; k += LANES) { out[k * p.rows + i] = precise_exp(x[start + k] - top) / total; }
}

// @kernel softmax_columns_grad rows
// dx[i, k] = y[k, i] (dy[k, i] - sum over j of y[j, i] dy[j, i]), the gradient of softmax_columns
// The mean is taken off twice: of a row that is nearly one-hot the first leaves rounding errors as large as the rest.
struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> y: array<f32>; // [columns, rows]
@group(0) @binding(2) var<storage, read> dy: array<f32>; // [columns, rows]
@group(0) @binding(3) var<storage, read_write> dx: array<f32>; // [rows, columns]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let i = group * (WG / LANES) + lane / LANES;
  let row = min(i, p.rows - 1u);
  var mean = 0.0;
  for (var k = lane % LANES; k < p.columns; k += LANES) {
    mean = fma(y[k * p.rows + row], dy[k * p.rows + row], mean);
  }
  mean = row_sum(lane, mean);
  var rest = 0.0;
  for (var k = lane % LANES; k < p.columns; k += LANES) {
    rest = fma(y[k * p.rows + row], dy[k * p.rows + row] - mean, rest);
  }
  rest = row_sum(lane, rest);
  if (i >= p.rows) { return; }
  for (var k = lane % LANES; k < p.columns; k += LANES) {
    dx[i * p.columns + k] = y[k * p.rows + i] * ((dy[k * p.rows + i] - mean) - rest);
  }
}
