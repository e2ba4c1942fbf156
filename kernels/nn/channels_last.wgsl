// out[n, y, x, c] = src[n, c, y - border, x - border], 0 outside of the image and past the last channel
// The channels of a pixel side by side, in fours, and zeros around the image: products load them as they load matrices.
// @use grid
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  pixels: u32, // of all images, borders included
  channels: u32, height: u32, width: u32,
  seen_width: u32, // past it, zeros
  out_height: u32, out_width: u32, border: u32, stride4: u32, line4: u32, first_image: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> src: array<f32>; // [images, channels, height, width]
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>; // [images, out_height, 4 line4]: [out_width, 4 stride4] and room behind it

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let pixel = group * WG + lane;
  if (group >= p.end_group || pixel >= p.pixels) { return; }
  let line = pixel / p.out_width;
  let n = line / p.out_height;
  let y = line - n * p.out_height - p.border; // as unsigned, a negative coordinate is past every edge
  let column = pixel - line * p.out_width;
  let x = column - p.border;
  let plane = p.height * p.width;
  let at = (p.first_image + n) * p.channels * plane + y * p.width + x;
  var c4 = 0u;
  // Tested at its end: lavapipe runs the body of any other loop once more, with all lanes masked.
  loop {
    let c = 4u * c4 + vec4u(0u, 1u, 2u, 3u);
    var four = vec4f();
    if (y < p.height && x < p.seen_width) {
      let source = at + min(c, vec4u(p.channels - 1u)) * plane;
      four = select(vec4f(), vec4f(src[source.x], src[source.y], src[source.z], src[source.w]), c < vec4u(p.channels));
    }
    out[line * p.line4 + column * p.stride4 + c4] = four;
    continuing {
      c4++;
      break if c4 >= p.stride4;
    }
  }
}
