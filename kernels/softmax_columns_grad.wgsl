// dx[i, k] = y[k, i] (dy[k, i] - sum over j of y[j, i] dy[j, i]), the gradient of softmax_columns
// The mean is taken off twice: of a row that is nearly one-hot the first leaves rounding errors as large as the rest.
// @use grid rows
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
