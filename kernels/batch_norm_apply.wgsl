// y = (x - mean) * inverse_std * weight + bias, then max(y, 0) where RELU is 1 (a NaN stays one, which max would hide)
// @use grid batch_norm
@group(0) @binding(0) var<uniform> p: Params;
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
