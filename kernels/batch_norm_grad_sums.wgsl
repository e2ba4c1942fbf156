// sum_dy[s, j] = sum over the images of slice s of dy, sum_dyx[s, j] = the same of dy * xhat
// xhat = (x - mean) inverse_std; where RELU is 1, dy counts only where the output was above 0.
// @use grid batch_norm
const BLOCK: u32 = 64; // as in batch_norm_moments

@group(0) @binding(0) var<uniform> p: Params;
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
