// mean[j] = mean of column j, scale[j] = 1 / its standard deviation (1 for a column that never changes)
// One lane a column; the mean first, then the squares around it, so that a large mean costs no digits.
// @use grid
const WG: u32 = 64;
const BLOCK: u32 = 256; // rows that are one sum: a longer one would gather the roundings of all

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> scale: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let j = group * WG + lane;
  if (group >= p.end_group || j >= p.columns) { return; }
  let start = x[j];
  var sum = 0.0;
  for (var first = 0u; first < p.rows; first += BLOCK) {
    var part = 0.0;
    for (var i = first; i < min(first + BLOCK, p.rows); i++) { part += x[i * p.columns + j] - start; }
    sum += part;
  }
  let middle = start + sum / f32(p.rows);
  var squares = 0.0;
  for (var first = 0u; first < p.rows; first += BLOCK) {
    var part = 0.0;
    for (var i = first; i < min(first + BLOCK, p.rows); i++) {
      let d = x[i * p.columns + j] - middle;
      part = fma(d, d, part);
    }
    squares += part;
  }
  let deviation = sqrt(squares / f32(p.rows));
  mean[j] = middle;
  // Rounding alone leaves a constant column a deviation of about 1e-7 of its size.
  scale[j] = select(1.0, 1.0 / deviation, deviation > 1e-6 * abs(middle));
}
