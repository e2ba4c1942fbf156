// Batch normalisation over the images of each channel, then relu where RELU is 1, and its gradient
// Lanes as in batch_norm_moments: lane j of a strip owns one (channel, pixel) and walks the images of its slice.
// @use grid
const WG: u32 = 64;
const RELU: u32 = 0; // @tune 0 1

struct Params {
  first_group: u32, end_group: u32,
  images: u32, width: u32, pixels: u32, images_per_slice: u32, strips: u32, batch_share: f32,
}
@group(0) @binding(0) var<uniform> p: Params;

// @kernel batch_norm_apply
// y = (x - mean) * inverse_std * weight + bias, then max(y, 0) where RELU is 1 (a NaN stays one, which max would hide)
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> inverse_std: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let j = (group % p.strips) * WG + lane;
  if (group >= p.end_group || j >= p.width) { return; }
  let first = group / p.strips * p.images_per_slice;
  let end = min(first + p.images_per_slice, p.images);
  let channel = j / p.pixels;
  let centre = mean[channel];
  let scale = inverse_std[channel] * weight[channel];
  let shift = bias[channel];
  for (var n = first; n < end; n++) {
    let value = fma(x[n * p.width + j] - centre, scale, shift);
    y[n * p.width + j] = select(value, 0.0, RELU == 1u && value < 0.0);
  }
}

// @kernel batch_norm_grad_sums
// sum_dy[s, j] = sum over the images of slice s of dy, sum_dyx[s, j] = the same of dy * xhat
// xhat = (x - mean) inverse_std; where RELU is 1, dy counts only where the output was above 0.
const BLOCK: u32 = 64; // as in batch_norm_moments

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> inverse_std: array<f32>;
@group(0) @binding(5) var<storage, read> weight: array<f32>;
@group(0) @binding(6) var<storage, read> bias: array<f32>;
@group(0) @binding(7) var<storage, read_write> sums: array<f32>; // [2, slices, width]: of dy, then of dy * xhat

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let j = (group % p.strips) * WG + lane;
  if (group >= p.end_group || j >= p.width) { return; }
  let slice = group / p.strips;
  let slices = (p.images + p.images_per_slice - 1u) / p.images_per_slice;
  let end = min((slice + 1u) * p.images_per_slice, p.images);
  let channel = j / p.pixels;
  let centre = mean[channel];
  let scale = inverse_std[channel];
  let slope = scale * weight[channel];
  let shift = bias[channel];
  var plain = 0.0;
  var along = 0.0;
  for (var head = slice * p.images_per_slice; head < end; head += BLOCK) {
    var some = 0.0;
    var some_along = 0.0;
    for (var n = head; n < min(head + BLOCK, end); n++) {
      let off = x[n * p.width + j] - centre;
      var g = dy[n * p.width + j];
      if (RELU == 1u && fma(off, slope, shift) <= 0.0) { g = 0.0; }
      some += g;
      some_along = fma(g, off * scale, some_along);
    }
    plain += some;
    along += some_along;
  }
  sums[slice * p.width + j] = plain;
  sums[(slices + slice) * p.width + j] = along;
}

// @kernel batch_norm_grad
// dx = weight inverse_std (dy - batch_share (dbias + xhat dweight))
// batch_share is 1 / (images * pixels) where the batch's own moments were used, else 0: then they do not depend on x.
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> mean: array<f32>;
@group(0) @binding(5) var<storage, read> inverse_std: array<f32>;
@group(0) @binding(6) var<storage, read> weight: array<f32>;
@group(0) @binding(7) var<storage, read> bias: array<f32>;
@group(0) @binding(8) var<storage, read> sums: array<f32>; // [2, channels]: dbias, dweight

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let j = (group % p.strips) * WG + lane;
  if (group >= p.end_group || j >= p.width) { return; }
  let first = group / p.strips * p.images_per_slice;
  let end = min(first + p.images_per_slice, p.images);
  let channel = j / p.pixels;
  let centre = mean[channel];
  let scale = inverse_std[channel];
  let slope = scale * weight[channel];
  let shift = bias[channel];
  let level = p.batch_share * sums[channel];
  let tilt = p.batch_share * sums[p.width / p.pixels + channel] * scale;
  for (var n = first; n < end; n++) {
    let off = x[n * p.width + j] - centre;
    var g = dy[n * p.width + j];
    if (RELU == 1u && fma(off, slope, shift) <= 0.0) { g = 0.0; }
    dx[n * p.width + j] = slope * (g - fma(off, tilt, level));
  }
}
