// partial[s, co, (c, ky, kx)] = sum over the images n of slice s and positions (y, x) of dy[n, y, x, co] * src[n, y', x', c]
// As conv2d_weight_grad, of operands that channels_last has packed: src with its border of zeros, (y', x') = (step y + ky, step x + kx).
// Columns are (ky, kx, c), the channels padded to whole fours. A product whose every load is a vec4.
// @use grid tile_shape tile_left left_operand right_operand tile_outer
struct Params {
  first_group: u32, end_group: u32,
  channels: u32, taps: u32, taps_x: u32, depth4: u32, // vec4s of channels of a pixel of src
  out_channels: u32, rows: u32,
  columns: u32, // of dy, with zeros up to whole steps of KU
  lhs_stride4: u32, lhs_line4: u32, // vec4s from a pixel of dy to the next, and from a line to the next
  src_height: u32, rhs_line4: u32, step: u32,
  images: u32, images_per_slice: u32, row_groups: u32, strips: u32, first_slice: u32,
  images_together: u32, lines_together: u32, // whose products are one sum: a longer one would gather the roundings of all
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // dy: [images, rows, 4 lhs_line4]
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // src: [images, src_height, 4 rhs_line4]
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let slice = group / (p.row_groups * p.strips);
  let row = (group / p.strips % p.row_groups) * TILE_ROWS + local.y * TM;
  let column4 = (group % p.strips) * (TILE_COLUMNS / 4u) + local.x;
  let left_line = left_stride(p.lhs_line4);
  let right_line = right_stride(p.rhs_line4);
  var offset: array<u32, TV>;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let o = min(column4 + v * WX, p.taps * p.depth4 - 1u);
    let tap = o / p.depth4;
    offset[v] = tap / p.taps_x * right_line + tap % p.taps_x * p.depth4 + o % p.depth4;
  }
  let own_lane = broadcast_lane();
  let end = min((slice + 1u) * p.images_per_slice, p.images);
  var c: array<vec4f, TILE_BLOCK>;
  tile_clear(&c);
  for (var first_n = slice * p.images_per_slice; first_n < end; first_n += p.images_together) {
    for (var first_y = 0u; first_y < p.rows; first_y += p.lines_together) {
      var part: array<vec4f, TILE_BLOCK>;
      tile_clear(&part);
      let end_n = min(first_n + p.images_together, end);
      let end_y = min(first_y + p.lines_together, p.rows);
      // Loops that are tested at their ends: lavapipe runs the body of any other once more, with all lanes masked, and some of
      // these have one iteration or two.
      var n = first_n;
      loop {
        var y = first_y;
        loop {
          let l = (n * p.rows + y) * left_line + row / 4u;
          let r = (n * p.src_height + y * p.step) * right_line;
          var x = 0u;
          loop {
            var a = tile_left(l + x * p.lhs_stride4, p.lhs_stride4, own_lane, p.columns - x);
            var b: array<vec4f, TILE_RIGHT>;
            // @unroll
            for (var u = 0u; u < KU; u++) {
              // @unroll
              for (var v = 0u; v < TV; v++) {
                b[u * TV + v] = right4(r + offset[v] + (x + u) * p.step * p.depth4, true);
              }
            }
            tile_outer(&part, &a, &b, own_lane);
            continuing {
              x += KU;
              break if x >= p.columns;
            }
          }
          continuing {
            y++;
            break if y >= end_y;
          }
        }
        continuing {
          n++;
          break if n >= end_n;
        }
      }
      tile_add(&c, &part);
    }
  }
  let outputs = p.channels * p.taps;
  for (var i = 0u; i < TM * TV; i++) { // a loop, as in store_product
    let co = row + i / TV;
    let o = column4 + (i % TV) * WX;
    let tap = o / p.depth4;
    let channel = 4u * (o % p.depth4);
    if (co >= p.out_channels || tap >= p.taps) { continue; }
    for (var q = 0u; q < min(4u, p.channels - channel); q++) {
      partial[((p.first_slice + slice) * p.out_channels + co) * outputs + (channel + q) * p.taps + tap] = c[i][q];
    }
  }
}
