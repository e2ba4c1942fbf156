// out[b, c, y, x] = image(b)[c] at (a x + b y + c, d x + e y + f) + waves(x, y), bilinear in [0, 1], 0 outside
// waves = sum over two of (u, v) wave(k x + l y + phase). One workgroup an image. draws[b] starts with
// (a, b, c, image number), (d, e, f, -) and ends with (u, v, k, l) twice, (phase, phase, -, -).
// @use grid
const WG: u32 = 64;
const CHANNELS: u32 = 1; // @tune 1 3
const DRAW4: u32 = 10; // vec4s of draws an image

struct Params {
  first_group: u32, end_group: u32,
  height: u32, width: u32, out_height: u32, out_width: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> pixels: array<u32>; // bytes, [count, CHANNELS, height, width]
@group(0) @binding(2) var<storage, read> draws: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [B, CHANNELS, out_height, out_width]

// A sine of full turns, by two parabolas: SwiftShader's own has three digits.
fn wave(turns: f32) -> f32 {
  let p = 2.0 * fract(turns) - 1.0;
  return 4.0 * p * (abs(p) - 1.0);
}

fn texel(plane: u32, x: i32, y: i32) -> f32 {
  let inside = u32(x) < p.width && u32(y) < p.height; // a negative number is a huge one here
  let at = select(plane, plane + u32(y) * p.width + u32(x), inside);
  return select(0.0, f32((pixels[at / 4u] >> (8u * (at % 4u))) & 255u) * (1.0 / 255.0), inside);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let across = draws[group * DRAW4];
  let down = draws[group * DRAW4 + 1u];
  let wave0 = draws[group * DRAW4 + 7u];
  let wave1 = draws[group * DRAW4 + 8u];
  let phases = draws[group * DRAW4 + 9u];
  let area = p.height * p.width;
  let first = u32(across.w) * CHANNELS * area;
  let out_area = p.out_height * p.out_width;
  // One division a lane, not one a pixel.
  var x = lane % p.out_width;
  var y = lane / p.out_width;
  let step_x = WG % p.out_width;
  let step_y = WG / p.out_width;
  for (var i = lane; i < out_area; i += WG) {
    let here = vec2f(f32(x), f32(y));
    let straight = vec2f(fma(across.x, here.x, fma(across.y, here.y, across.z)),
                         fma(down.x, here.x, fma(down.y, here.y, down.z)));
    let at = straight + wave0.xy * wave(dot(wave0.zw, here) + phases.x)
                      + wave1.xy * wave(dot(wave1.zw, here) + phases.y);
    let corner = floor(at);
    let part = at - corner;
    let x0 = i32(corner.x);
    let y0 = i32(corner.y);
    // @unroll
    for (var c = 0u; c < CHANNELS; c++) {
      let plane = first + c * area;
      let top = mix(texel(plane, x0, y0), texel(plane, x0 + 1, y0), part.x);
      let bottom = mix(texel(plane, x0, y0 + 1), texel(plane, x0 + 1, y0 + 1), part.x);
      out[(group * CHANNELS + c) * out_area + i] = mix(top, bottom, part.y);
    }
    x += step_x;
    y += step_y;
    if (x >= p.out_width) {
      x -= p.out_width;
      y += 1u;
    }
  }
}
