// mean[s, j] = mean over the images n of slice s of x[n, j], spread[s, j] = sum of squared distances from it
// j runs over the (channel, pixel)s of one image, a Number a lane, so that nothing is divided inside a loop. One pass over x:
// the moments of a block of images are merged into those of the images before it (Chan et al.), all as distances from the
// slice's first image, so that a mean far from zero costs no digits.
// @use grid own_number
const WG: u32 = 64;
const BLOCK: u32 = 4; // images whose numbers are in registers
const BLOCKS: u32 = 64; // blocks that are one sum: a longer one would gather the roundings of all

struct Params { first_group: u32, end_group: u32, images: u32, width: u32, images_per_slice: u32, strips: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<Number>; // [images, width]
@group(0) @binding(2) var<storage, read_write> means: array<Number>; // [slices, width]
@group(0) @binding(3) var<storage, read_write> spreads: array<Number>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let j = (group % p.strips) * WG + lane;
  if (group >= p.end_group || j >= p.width) { return; }
  let slice = group / p.strips;
  let first = slice * p.images_per_slice;
  let end = min(first + p.images_per_slice, p.images);
  let origin = x[first * p.width + j];
  var mean = Number();
  var spread = Number();
  var count = 0.0;
  for (var head = first; head < end; head += BLOCK * BLOCKS) {
    var part = Number();
    for (var n = head; n < min(head + BLOCK * BLOCKS, end); n += BLOCK) {
      var off: array<Number, BLOCK>;
      var sum = Number();
      // @unroll
      for (var u = 0u; u < BLOCK; u++) {
        off[u] = x[min(n + u, end - 1u) * p.width + j] - origin;
        sum += select(Number(), off[u], n + u < end);
      }
      let here = f32(min(BLOCK, end - n));
      let own = sum / here;
      var some = Number();
      // @unroll
      for (var u = 0u; u < BLOCK; u++) {
        let distance = select(Number(), off[u] - own, n + u < end);
        some = fma(distance, distance, some);
      }
      let gap = own - mean;
      let share = here / (count + here);
      mean += gap * share;
      part += fma(gap * gap, Number(count * share), some);
      count += here;
    }
    spread += part;
  }
  means[slice * p.width + j] = origin + mean;
  spreads[slice * p.width + j] = spread;
}
