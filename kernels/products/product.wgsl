// out[row + m, 4 column4 ..] = scale * what the kernel's `gather` adds up over p.depth (+ out), a register tile a lane
// @use tile_main
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, strips: u32,
  lhs_at4: u32, lhs_stride4: u32, rhs_at4: u32, rhs_stride4: u32, out_at: u32, out_stride: u32,
  scale: f32, accumulating: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>;
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

// @kernel matmul tile_long
// out[i, j] = scale * sum_k lhs[k, i] rhs[k, j] (+ out[i, j])
// Both operands are k-major: the left one is stored transposed.
fn gather(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  tile_long_product(c, p.lhs_at4 + row / 4u, p.lhs_stride4, p.rhs_at4 + column4, p.rhs_stride4, p.depth);
}

// @kernel matmul_rows tile_rows
// out[i, j] = scale * sum_k lhs[i, k] rhs[k, j] (+ out[i, j])
// The left operand's rows lie along k; depth counts in fours (zeros on the left past the true depth).
fn gather(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  for (var first = 0u; first < p.depth; first += TILE_SPAN) {
    var part: array<vec4f, TILE_BLOCK>;
    tile_clear(&part);
    tile_product_rows(&part, p.lhs_at4 + row * left_stride(p.lhs_stride4) + first / 4u, p.lhs_stride4,
                      p.rhs_at4 + column4 + first * right_stride(p.rhs_stride4), p.rhs_stride4, min(TILE_SPAN, p.depth - first) / 4u);
    tile_add(c, &part);
  }
}

// @kernel distances tile_distance
// out[i, j] = scale * |a_i - b_j|^2 (+ out[i, j]), both k-major
fn gather(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  tile_distance(c, p.lhs_at4 + row / 4u, p.lhs_stride4, p.rhs_at4 + column4, p.rhs_stride4, p.depth);
}

// @kernel distances_from tile_distance
// out[i, j] = scale * (|a_i - b_j|^2 - origin[j]) (+ out[i, j]), both k-major
@group(0) @binding(4) var<storage, read> origin: array<vec4f>;

fn gather(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  var own: array<vec4f, TV>;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    own[v] = origin[column4 + v * WX];
  }
  tile_distance_from(c, array<f32, TM>(), own, p.lhs_at4 + row / 4u, p.lhs_stride4, p.rhs_at4 + column4, p.rhs_stride4, p.depth);
}
