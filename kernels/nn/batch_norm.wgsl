// Batch normalisation over the images of each channel, then relu where RELU is 1, and its gradient
// Lanes as in batch_norm_moments: lane j of a strip owns one Number of an image and walks the images of its slice.
// Passes over a tensor: forward, one read for the moments, one and a write to apply them; backward, x and dy are read for the
// sums, and read again with a write of dx. The ReLU has none of its own.
// @use grid own_number
const WG: u32 = 64;
const RELU: u32 = 0; // @tune 0 1

struct Params {
  first_group: u32, end_group: u32,
  images: u32, width: u32, pixels: u32, images_per_slice: u32, strips: u32, batch_share: f32,
}
@group(0) @binding(0) var<uniform> p: Params;

// @kernel batch_norm_apply
// y = (x - mean) * inverse_std * weight + bias, then max(y, 0) where RELU is 1 (a NaN stays one, which max would hide)
@group(0) @binding(1) var<storage, read> x: array<Number>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> inverse_std: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<Number>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let j = (group % p.strips) * WG + lane;
  if (group >= p.end_group || j >= p.width) { return; }
  let first = group / p.strips * p.images_per_slice;
  let end = min(first + p.images_per_slice, p.images);
  let channel = own_floats(j) / p.pixels;
  let centre = own_of(vec4f(mean[channel.x], mean[channel.y], mean[channel.z], mean[channel.w]));
  let scale = own_of(vec4f(inverse_std[channel.x], inverse_std[channel.y], inverse_std[channel.z], inverse_std[channel.w]))
    * own_of(vec4f(weight[channel.x], weight[channel.y], weight[channel.z], weight[channel.w]));
  let shift = own_of(vec4f(bias[channel.x], bias[channel.y], bias[channel.z], bias[channel.w]));
  for (var n = first; n < end; n++) {
    var value = fma(x[n * p.width + j] - centre, scale, shift);
    if (RELU == 1u) { value = select(value, Number(), value < Number()); }
    y[n * p.width + j] = value;
  }
}

// @kernel batch_norm_grad_sums
// sum_dy[s, j] = sum over the images of slice s of dy, sum_dyx[s, j] = the same of dy * xhat
// xhat = (x - mean) inverse_std; where RELU is 1, dy counts only where the output was above 0.
const BLOCK: u32 = 64; // images that are one sum: a longer one would gather the roundings of all

@group(0) @binding(1) var<storage, read> x: array<Number>;
@group(0) @binding(2) var<storage, read> dy: array<Number>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> inverse_std: array<f32>;
@group(0) @binding(5) var<storage, read> weight: array<f32>;
@group(0) @binding(6) var<storage, read> bias: array<f32>;
@group(0) @binding(7) var<storage, read_write> sums: array<Number>; // [2, slices, width]: of dy, then of dy * xhat

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let j = (group % p.strips) * WG + lane;
  if (group >= p.end_group || j >= p.width) { return; }
  let slice = group / p.strips;
  let slices = (p.images + p.images_per_slice - 1u) / p.images_per_slice;
  let end = min((slice + 1u) * p.images_per_slice, p.images);
  let channel = own_floats(j) / p.pixels;
  let centre = own_of(vec4f(mean[channel.x], mean[channel.y], mean[channel.z], mean[channel.w]));
  let scale = own_of(vec4f(inverse_std[channel.x], inverse_std[channel.y], inverse_std[channel.z], inverse_std[channel.w]));
  let slope = scale * own_of(vec4f(weight[channel.x], weight[channel.y], weight[channel.z], weight[channel.w]));
  let shift = own_of(vec4f(bias[channel.x], bias[channel.y], bias[channel.z], bias[channel.w]));
  var plain = Number();
  var along = Number();
  for (var head = slice * p.images_per_slice; head < end; head += BLOCK) {
    var some = Number();
    var some_along = Number();
    for (var n = head; n < min(head + BLOCK, end); n++) {
      let off = x[n * p.width + j] - centre;
      var g = dy[n * p.width + j];
      if (RELU == 1u) { g = select(g, Number(), fma(off, slope, shift) <= Number()); }
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
@group(0) @binding(1) var<storage, read> x: array<Number>;
@group(0) @binding(2) var<storage, read_write> dx: array<Number>;
@group(0) @binding(3) var<storage, read> dy: array<Number>;
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
  let channel = own_floats(j) / p.pixels;
  let centre = own_of(vec4f(mean[channel.x], mean[channel.y], mean[channel.z], mean[channel.w]));
  let scale = own_of(vec4f(inverse_std[channel.x], inverse_std[channel.y], inverse_std[channel.z], inverse_std[channel.w]));
  let slope = scale * own_of(vec4f(weight[channel.x], weight[channel.y], weight[channel.z], weight[channel.w]));
  let shift = own_of(vec4f(bias[channel.x], bias[channel.y], bias[channel.z], bias[channel.w]));
  let level = p.batch_share * own_of(vec4f(sums[channel.x], sums[channel.y], sums[channel.z], sums[channel.w]));
  let second = channel + EACH * p.width / p.pixels;
  let tilt = p.batch_share * scale * own_of(vec4f(sums[second.x], sums[second.y], sums[second.z], sums[second.w]));
  for (var n = first; n < end; n++) {
    let off = x[n * p.width + j] - centre;
    var g = dy[n * p.width + j];
    if (RELU == 1u) { g = select(g, Number(), fma(off, slope, shift) <= Number()); }
    dx[n * p.width + j] = slope * (g - fma(off, tilt, level));
  }
}
