// Standardised features, stored in three ways: along the rows, along the features, and of chosen ones
// @use grid

// @kernel feature_rows standard
// out[i, k] = standard(i, first + k), rows along the features, zeros from `count` to out_stride
// One lane a column and slice of rows: it asks for its feature once, and an element a lane costs lavapipe four times the time.
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, slice_rows: u32, strips: u32, first: u32, count: u32, out_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [rows, out_stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = (group % p.strips) * WG + lane;
  if (group >= p.end_group || k >= p.out_stride) { return; }
  let first = (group / p.strips) * p.slice_rows;
  let end = min(first + p.slice_rows, p.rows);
  let inside = k < p.count;
  let column = p.first + select(0u, k, inside);
  let f = feature(column);
  for (var i = first; i < end; i++) {
    out[i * p.out_stride + k] = select(0.0, standard(f, i, column), inside);
  }
}

// @kernel outlier_rows standard
// out[i, m] = standard(i, outliers[m]), zeros from `count` to out_stride
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, count: u32, out_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read> outliers: array<u32>; // [count]
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [rows, out_stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  let i = at / p.out_stride;
  if (group >= p.end_group || i >= p.rows) { return; }
  let m = at - i * p.out_stride;
  var value = 0.0;
  if (m < p.count) { value = standard(feature(outliers[m]), i, outliers[m]); }
  out[at] = value;
}

// @kernel feature_columns standard
// out[k, i] = included[first + k] * standard(i, first + k): the transpose, zeros from the last row to out_stride
// One invocation transposes a block of 4 x 4: reads and writes both stay within a few cache lines.
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, first: u32, count: u32, out_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [count, out_stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let cell = group * WG + lane;
  let across = (p.count + 3u) / 4u;
  let i = 4u * (cell / across);
  let k = 4u * (cell % across);
  if (group >= p.end_group || i >= p.out_stride) { return; }
  for (var m = 0u; m < 4u; m++) {
    if (k + m < p.count) {
      let column = p.first + k + m;
      let f = feature(column);
      let included = moments[column].included;
      for (var q = 0u; q < 4u; q++) {
        var value = 0.0;
        if (i + q < p.rows) { value = standard(f, i + q, column) * included; }
        out[(k + m) * p.out_stride + i + q] = value;
      }
    }
  }
}
