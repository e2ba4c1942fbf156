// dbias[c] and dweight[c]: the sums of dy and of dy * xhat over slices and pixels, and both once more in one buffer
// batch_norm_grad binds eight buffers already, so it finds them together.
// @use grid rows
const BLOCK: u32 = 64; // as in batch_norm_channels

struct Params { first_group: u32, end_group: u32, channels: u32, pixels: u32, slices: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>; // [2, slices, channels, pixels]
@group(0) @binding(2) var<storage, read_write> sums: array<f32>; // [2, channels]
@group(0) @binding(3) var<storage, read_write> dbias: array<f32>;
@group(0) @binding(4) var<storage, read_write> dweight: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let channel = min(group * (WG / LANES) + lane / LANES, p.channels - 1u);
  let half = p.slices * p.channels * p.pixels;
  var plain = 0.0;
  var along = 0.0;
  for (var s = 0u; s < p.slices; s++) {
    let at = (s * p.channels + channel) * p.pixels;
    var parts = vec2f();
    for (var head = lane % LANES; head < p.pixels; head += BLOCK * LANES) {
      var some = vec2f();
      for (var i = head; i < min(head + BLOCK * LANES, p.pixels); i += LANES) {
        some += vec2f(partial[at + i], partial[half + at + i]);
      }
      parts += some;
    }
    plain += parts.x;
    along += parts.y;
  }
  let shift = row_sum(lane, plain);
  let scale = row_sum(lane, along);
  if (group * (WG / LANES) + lane / LANES >= p.channels || lane % LANES != 0u) { return; }
  sums[channel] = shift;
  sums[p.channels + channel] = scale;
  dbias[channel] = shift;
  dweight[channel] = scale;
}
