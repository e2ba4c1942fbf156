// mean[s, j] = mean over the images n of slice s of x[n, j], spread[s, j] = sum of squared distances from it
// j runs over the (channel, pixel)s of one image, a lane each, so that nothing is divided inside a loop.
// @use grid
const WG: u32 = 64;
const BLOCK: u32 = 64; // images that are one sum: a longer one would gather the roundings of all

struct Params { first_group: u32, end_group: u32, images: u32, width: u32, images_per_slice: u32, strips: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [images, width]
@group(0) @binding(2) var<storage, read_write> means: array<f32>; // [slices, width]
@group(0) @binding(3) var<storage, read_write> spreads: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let j = (group % p.strips) * WG + lane;
  if (group >= p.end_group || j >= p.width) { return; }
  let slice = group / p.strips;
  let first = slice * p.images_per_slice;
  let end = min(first + p.images_per_slice, p.images);
  var sum = 0.0;
  for (var head = first; head < end; head += BLOCK) {
    var part = 0.0;
    for (var n = head; n < min(head + BLOCK, end); n++) { part += x[n * p.width + j]; }
    sum += part;
  }
  let mean = sum / f32(end - first);
  var spread = 0.0;
  for (var head = first; head < end; head += BLOCK) {
    var part = 0.0;
    for (var n = head; n < min(head + BLOCK, end); n++) {
      let off = x[n * p.width + j] - mean;
      part = fma(off, off, part);
    }
    spread += part;
  }
  means[slice * p.width + j] = mean;
  spreads[slice * p.width + j] = spread;
}
