// mean[c], inverse_std[c] = 1 / sqrt(var[c] + epsilon), and running = keep running + momentum batch
// Not by mix, which leaves roundings of the old at momentum 1 on some adapters. keep = 1 - momentum comes from f64.
// Merges the slices' moments (Chan et al.): no difference of large sums, so a mean far from zero costs no digits.
// A variance that is not finite has no inverse, which would be 0 of Infinity.
// @use grid rows finite
const BLOCK: u32 = 64; // pixels that are one sum: a longer one would gather the roundings of all

struct Params {
  first_group: u32, end_group: u32,
  channels: u32, pixels: u32, slices: u32, images: u32, images_per_slice: u32, epsilon: f32, momentum: f32,
  keep: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> means: array<f32>; // [slices, channels, pixels]
@group(0) @binding(2) var<storage, read> spreads: array<f32>;
@group(0) @binding(3) var<storage, read_write> mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> inverse_std: array<f32>;
@group(0) @binding(5) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> running_variance: array<f32>;

fn images_in(slice: u32) -> f32 {
  return f32(min((slice + 1u) * p.images_per_slice, p.images) - slice * p.images_per_slice);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let channel = min(group * (WG / LANES) + lane / LANES, p.channels - 1u);
  let count = f32(p.images) * f32(p.pixels);
  var sum = 0.0;
  for (var s = 0u; s < p.slices; s++) {
    let at = (s * p.channels + channel) * p.pixels;
    var part = 0.0;
    for (var head = lane % LANES; head < p.pixels; head += BLOCK * LANES) {
      var some = 0.0;
      for (var i = head; i < min(head + BLOCK * LANES, p.pixels); i += LANES) { some += means[at + i]; }
      part += some;
    }
    sum = fma(part, images_in(s), sum);
  }
  let centre = row_sum(lane, sum) / count;
  var spread = 0.0;
  for (var s = 0u; s < p.slices; s++) {
    let at = (s * p.channels + channel) * p.pixels;
    let images = images_in(s);
    var part = 0.0;
    for (var head = lane % LANES; head < p.pixels; head += BLOCK * LANES) {
      var some = 0.0;
      for (var i = head; i < min(head + BLOCK * LANES, p.pixels); i += LANES) {
        let off = means[at + i] - centre;
        some += fma(off * off, images, spreads[at + i]);
      }
      part += some;
    }
    spread += part;
  }
  let total = row_sum(lane, spread);
  if (group * (WG / LANES) + lane / LANES >= p.channels || lane % LANES != 0u) { return; }
  mean[channel] = centre;
  inverse_std[channel] = poisoned(inverseSqrt(total / count + p.epsilon), total);
  running_mean[channel] = p.momentum * centre + p.keep * running_mean[channel];
  let variance = total / max(count - 1.0, 1.0);
  running_variance[channel] = p.momentum * variance + p.keep * running_variance[channel];
}
