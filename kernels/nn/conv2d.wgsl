// out[n, co, Y, X] = sum_{c, ty, tx} w[tap(ty, tx), c, co] * src[n, c, step y + base_y + direction ty, step x + base_x + direction tx]
// A product whose right operand is gathered from the image: rows are output channels, columns are positions (n, y, x),
// and (Y, X) = (spread y + shift_y, spread x + shift_x). Forward: step = stride, direction = 1, spread = 1. Gradient of the
// input: the same sum with direction = -1, once for each phase of the stride (spread = stride), so that no tap is wasted.
// @use grid tile_shape tile_left left_operand tile_outer
struct Params {
  first_group: u32, end_group: u32,
  channels: u32, height: u32, width: u32, // of src
  out_channels: u32, out_height: u32, out_width: u32,
  rows: u32, columns: u32, positions: u32, strips: u32, // grid of (y, x); positions = images * rows * columns
  taps_y: u32, taps_x: u32, first_tap: u32, tap_step_y: u32, tap_step_x: u32, weight_stride4: u32,
  step: i32, base_y: i32, base_x: i32, direction: i32,
  spread: u32, shift_y: u32, shift_x: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // w: [taps, channels, 4 weight_stride4]
@group(0) @binding(2) var<storage, read> src: array<f32>; // [images, channels, height, width]
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = (group / p.strips) * TILE_ROWS + local.y * TM;
  let column = (group % p.strips) * TILE_COLUMNS + 4u * local.x;
  let area = p.rows * p.columns;
  let plane = p.height * p.width;
  var image: array<vec4u, TV>;
  var y: array<vec4i, TV>;
  var x: array<vec4i, TV>;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let position = min(vec4u(column + v * 4u * WX) + vec4u(0u, 1u, 2u, 3u), vec4u(p.positions - 1u));
    image[v] = position / area;
    let inside = position - image[v] * area;
    let line = inside / p.columns;
    y[v] = vec4i(line) * p.step + p.base_y;
    x[v] = vec4i(inside - line * p.columns) * p.step + p.base_x;
  }
  var c: array<vec4f, TILE_BLOCK>;
  tile_clear(&c);
  let own_lane = broadcast_lane();
  let weight_row = left_stride(p.weight_stride4);
  let taps = p.taps_y * p.taps_x;
  let channels_together = min(p.channels, TILE_SPAN);
  let taps_together = TILE_SPAN / channels_together;
  // A sum of more than TILE_SPAN products would gather the roundings of all. By loops around those along k, which a test in
  // them would make 1.5 times as long on lavapipe.
  for (var first_channel = 0u; first_channel < p.channels; first_channel += channels_together) {
    for (var first_tap = 0u; first_tap < taps; first_tap += taps_together) {
      var part: array<vec4f, TILE_BLOCK>;
      tile_clear(&part);
      for (var tap = first_tap; tap < min(first_tap + taps_together, taps); tap++) {
        let ty = tap / p.taps_x;
        let tx = tap % p.taps_x;
        var at: array<vec4u, TV>;
        var inside: array<vec4f, TV>;
        // @unroll
        for (var v = 0u; v < TV; v++) {
          let sy = y[v] + vec4i(p.direction * i32(ty));
          let sx = x[v] + vec4i(p.direction * i32(tx));
          // As unsigned, a negative coordinate is past every edge.
          let ok = (vec4u(sy) < vec4u(p.height)) & (vec4u(sx) < vec4u(p.width));
          inside[v] = select(vec4f(), vec4f(1.0), ok);
          let pixel = (image[v] * p.channels + first_channel) * plane + vec4u(sy) * p.width + vec4u(sx);
          at[v] = select(vec4u(), pixel, ok);
        }
        let weights = (p.first_tap + ty * p.tap_step_y + tx * p.tap_step_x) * p.channels + first_channel;
        var w = weights * weight_row + row / 4u;
        let steps = min(channels_together, p.channels - first_channel);
        for (var step = 0u; step < steps; step += KU) {
          var a = tile_left(w, weight_row, own_lane, steps - step);
          var b: array<vec4f, TILE_RIGHT>;
          // @unroll
          for (var u = 0u; u < KU; u++) {
            let here = KU == 1u || step + u < steps;
            // @unroll
            for (var v = 0u; v < TV; v++) {
              let four = vec4f(src[at[v].x], src[at[v].y], src[at[v].z], src[at[v].w]) * inside[v];
              b[u * TV + v] = select(vec4f(), four, here);
              at[v] += vec4u(plane);
            }
          }
          tile_outer(&part, &a, &b, own_lane);
          w += KU * weight_row;
        }
      }
      tile_add(&c, &part);
    }
  }
  let out_plane = p.out_height * p.out_width;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let position = vec4u(column + v * 4u * WX) + vec4u(0u, 1u, 2u, 3u);
    let n = position / area;
    let rest = position - n * area;
    let line = rest / p.columns;
    let to = n * (p.out_channels * out_plane) + (line * p.spread + p.shift_y) * p.out_width
      + (rest - line * p.columns) * p.spread + p.shift_x;
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      if (row + m < p.out_channels) {
        // @unroll
        for (var q = 0u; q < 4; q++) {
          if (position[q] < p.positions) { out[to[q] + (row + m) * out_plane] = c[m * TV + v][q]; }
        }
      }
    }
  }
}
