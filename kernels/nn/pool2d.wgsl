// The mean or the maximum of each window of an image, and its gradient
// @use grid

// @kernel pool2d finite
// y[n, Y, X] = mean (MAXIMUM 0) or maximum (MAXIMUM 1) of the size x size window of x at (size Y, size X)
// A NaN is the maximum of its window.
const WG: u32 = 64;
const MAXIMUM: u32 = 0; // @tune 0 1

struct Params { first_group: u32, end_group: u32, planes: u32, height: u32, width: u32, rows: u32, columns: u32, size: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [planes, height, width]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [planes, rows, columns]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.planes * p.rows * p.columns) { return; }
  let plane = i / (p.rows * p.columns);
  let rest = i % (p.rows * p.columns);
  let start = (plane * p.height + rest / p.columns * p.size) * p.width + rest % p.columns * p.size;
  var top = x[start];
  var sum = 0.0;
  for (var wy = 0u; wy < p.size; wy++) {
    for (var wx = 0u; wx < p.size; wx++) {
      let value = x[start + wy * p.width + wx];
      sum += value;
      top = larger(top, value);
    }
  }
  y[i] = select(sum / f32(p.size * p.size), top, MAXIMUM == 1u);
}

// @kernel pool2d_grad finite
// dx = dy / size^2 over the window (MAXIMUM 0), or dy at the window's first maximum and 0 elsewhere (MAXIMUM 1)
// Windows do not overlap, so each input pixel gathers from one; pixels past the last whole window get 0.
const WG: u32 = 64;
const MAXIMUM: u32 = 0; // @tune 0 1

struct Params { first_group: u32, end_group: u32, planes: u32, height: u32, width: u32, rows: u32, columns: u32, size: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [planes, height, width]
@group(0) @binding(2) var<storage, read> dy: array<f32>; // [planes, rows, columns]
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  let area = p.height * p.width;
  if (group >= p.end_group || i >= p.planes * area) { return; }
  let plane = i / area;
  let row = i % area / p.width / p.size;
  let column = i % p.width / p.size;
  if (row >= p.rows || column >= p.columns) {
    dx[i] = 0.0;
    return;
  }
  let g = dy[(plane * p.rows + row) * p.columns + column];
  let start = plane * area + row * p.size * p.width + column * p.size;
  var best = start;
  for (var w = 1u; w < p.size * p.size; w++) {
    let at = start + w / p.size * p.width + w % p.size;
    if (x[at] > x[best] || (is_nan(x[at]) && !is_nan(x[best]))) { best = at; }
  }
  dx[i] = select(g / f32(p.size * p.size), select(0.0, g, i == best), MAXIMUM == 1u);
}
