// out = (solarised(clamp(colour * clamp(gain * blur(x) + offset))) + noise - mean) / deviation
// One workgroup an image. draws[b] goes on with (blur1, blur2, gain, offset), (noise, stream, solarise, -), 3 rows of colour, whose
// fourth column is added. blur is 5 x 5, edges repeated: weights 1 - 2 blur1 - 2 blur2, blur1 beside, blur2 beyond.
// @use grid random
const WG: u32 = 64;
const CHANNELS: u32 = 1; // @tune 1 3
const DRAW4: u32 = 10; // vec4s of draws an image

struct Params {
  first_group: u32, end_group: u32,
  height: u32, width: u32,
  mean0: f32, mean1: f32, mean2: f32, scale0: f32, scale1: f32, scale2: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [B, CHANNELS, height, width]
@group(0) @binding(2) var<storage, read> draws: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

fn blurred_row(row: u32, column: u32, blur: vec4f) -> f32 {
  let last = p.width - 1u;
  let near = x[row + max(column, 1u) - 1u] + x[row + min(column + 1u, last)];
  let far = x[row + max(column, 2u) - 2u] + x[row + min(column + 2u, last)];
  return fma(1.0 - 2.0 * (blur.x + blur.y), x[row + column], fma(blur.x, near, blur.y * far));
}

// One row where nothing blurs: a loop, as some adapters run both sides of an if.
fn blurred(plane: u32, column: u32, row: u32, blur: vec4f) -> f32 {
  let radius = select(0, 2, blur.x > 0.0);
  var sum = 0.0;
  for (var d = -radius; d <= radius; d++) {
    let y = u32(clamp(i32(row) + d, 0, i32(p.height) - 1));
    let weight = select(select(blur.y, blur.x, abs(d) == 1), 1.0 - 2.0 * (blur.x + blur.y), d == 0);
    sum = fma(weight, blurred_row(plane + y * p.width, column, blur), sum);
  }
  return sum;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let blur = draws[group * DRAW4 + 2u];
  let noise = draws[group * DRAW4 + 3u];
  let red = draws[group * DRAW4 + 4u];
  let green = draws[group * DRAW4 + 5u];
  let blue = draws[group * DRAW4 + 6u];
  let stream = pcg(u32(noise.y));
  let area = p.height * p.width;
  let first = group * CHANNELS * area;
  var column = lane % p.width;
  var row = lane / p.width;
  let step_x = WG % p.width;
  let step_y = WG / p.width;
  for (var i = lane; i < area; i += WG) {
    var v = vec3f();
    // @unroll
    for (var c = 0u; c < CHANNELS; c++) {
      let plane = first + c * area;
      v[c] = saturate(fma(blur.z, blurred(plane, column, row, blur), blur.w));
    }
    if (CHANNELS == 1u) {
      v.x = fma(red.x, v.x, red.w);
    } else {
      v = vec3f(dot(red.xyz, v) + red.w, dot(green.xyz, v) + green.w, dot(blue.xyz, v) + blue.w);
    }
    v = saturate(v);
    v = select(v, 1.0 - v, v >= vec3f(select(2.0, 0.5, noise.z != 0.0)));
    let means = vec3f(p.mean0, p.mean1, p.mean2);
    let scales = vec3f(p.scale0, p.scale1, p.scale2);
    // @unroll
    for (var c = 0u; c < CHANNELS; c++) {
      let noisy = fma(noise.x, random_normal(random_bits(stream, c * area + i)), v[c]);
      out[first + c * area + i] = (noisy - means[c]) * scales[c];
    }
    column += step_x;
    row += step_y;
    if (column >= p.width) {
      column -= p.width;
      row += 1u;
    }
  }
}
