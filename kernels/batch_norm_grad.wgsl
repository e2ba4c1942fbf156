// dx = weight inverse_std (dy - batch_share (dbias + xhat dweight))
// batch_share is 1 / (images * pixels) where the batch's own moments were used, else 0: then they do not depend on x.
// @use grid batch_norm
@group(0) @binding(0) var<uniform> p: Params;
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
