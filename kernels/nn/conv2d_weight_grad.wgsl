// partial[s, co, (c, ky, kx)] = sum over the images n of slice s and positions (y, x) of dy[n, co, y, x] * src[n, c, ...]
// A product over positions; few outputs, so the images are cut into slices whose partial sums another launch adds up.
// @use grid tile_shape broadcast_left tile_outer
struct Params {
  first_group: u32, end_group: u32,
  channels: u32, height: u32, width: u32,
  out_channels: u32, rows: u32, columns: u32, // dy: [images, out_channels, rows, columns]
  kernel_height: u32, kernel_width: u32, step: i32, pad: i32,
  images: u32, images_per_slice: u32, row_groups: u32, strips: u32,
  span: u32, // positions whose products are one sum: a longer one would gather the roundings of all
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<f32>; // dy
@group(0) @binding(2) var<storage, read> rhs: array<f32>; // src
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let slice = group / (p.row_groups * p.strips);
  let row = (group / p.strips % p.row_groups) * TILE_ROWS + local.y * TM;
  let column = (group % p.strips) * TILE_COLUMNS + 4u * local.x;
  let taps = p.kernel_height * p.kernel_width;
  let outputs = p.channels * taps;
  let plane = p.height * p.width;
  let area = p.rows * p.columns;
  var offset: array<vec4u, TV>;
  var ky: array<vec4i, TV>;
  var kx: array<vec4i, TV>;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let o = min(vec4u(column + v * 4u * WX) + vec4u(0u, 1u, 2u, 3u), vec4u(outputs - 1u));
    let channel = o / taps;
    let tap = o - channel * taps;
    offset[v] = channel * plane;
    ky[v] = vec4i(tap / p.kernel_width) - p.pad;
    kx[v] = vec4i(tap % p.kernel_width) - p.pad;
  }
  let top = min(row, p.out_channels - 1u);
  var c: array<vec4f, TILE_BLOCK>;
  tile_clear(&c);
  var part: array<vec4f, TILE_BLOCK>;
  tile_clear(&part);
  var gathered = 0u;
  let own_lane = broadcast_lane();
  let end = min((slice + 1u) * p.images_per_slice, p.images);
  for (var n = slice * p.images_per_slice; n < end; n++) {
    for (var y = 0u; y < p.rows; y++) {
      var line: array<vec4u, TV>;
      var open: array<vec4u, TV>; // the width where the line is inside the image, else 0
      // @unroll
      for (var v = 0u; v < TV; v++) {
        let sy = vec4i(i32(y) * p.step) + ky[v];
        let ok = vec4u(sy) < vec4u(p.height);
        line[v] = select(vec4u(), vec4u(n * p.channels * plane) + offset[v] + vec4u(sy) * p.width, ok);
        open[v] = select(vec4u(), vec4u(p.width), ok);
      }
      let l = (n * p.out_channels + top) * area + y * p.columns;
      for (var x = 0u; x < p.columns; x += KU) {
        var a: Left;
        // @unroll
        for (var q = 0u; q < LEFT_LOADS; q++) {
          let f = q * LEFT_LANES + own_lane % LEFT_LANES;
          let at = l + x + f / TM4 + 4u * (f % TM4) * area;
          let four = vec4f(lhs[at], lhs[at + area], lhs[at + 2u * area], lhs[at + 3u * area]);
          a[q] = select(vec4f(), four, KU == 1u || x + f / TM4 < p.columns);
        }
        var b: array<vec4f, TILE_RIGHT>;
        // @unroll
        for (var u = 0u; u < KU; u++) {
          let here = KU == 1u || x + u < p.columns;
          // @unroll
          for (var v = 0u; v < TV; v++) {
            let sx = vec4u(vec4i(i32(x + u) * p.step) + kx[v]);
            let ok = (sx < open[v]) & vec4<bool>(here);
            let at = select(vec4u(), line[v] + sx, ok);
            b[u * TV + v] = select(vec4f(), vec4f(rhs[at.x], rhs[at.y], rhs[at.z], rhs[at.w]), ok);
          }
        }
        tile_outer(&part, &a, &b, own_lane);
      }
      gathered += p.columns;
      for (; gathered >= p.span; gathered = 0u) { // once, or not at all
        tile_add(&c, &part);
        tile_clear(&part);
      }
    }
  }
  tile_add(&c, &part);
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    if (row + m < p.out_channels) {
      let to = (slice * p.out_channels + row + m) * outputs;
      // @unroll
      for (var v = 0u; v < TV; v++) {
        let first = column + v * 4u * WX;
        // @unroll
        for (var q = 0u; q < 4; q++) {
          if (first + q < outputs) { partial[to + first + q] = c[m * TV + v][q]; }
        }
      }
    }
  }
}
