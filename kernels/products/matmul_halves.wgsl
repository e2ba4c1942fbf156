// out[i, j] = scale * sum_k lhs[k, i] rhs[k, j] / (scales of both) (+ out[i, j]), of operands that halves made
// SPLIT: three products of halves, hi hi + hi lo + lo hi. Without F16 the operands are f32 and not scaled.
// @use tile_main tile_long stored part power_of_two
const SPLIT: u32 = 0; // @tune 0 1

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, strips: u32,
  lhs_at4: u32, lhs_stride4: u32, lhs_low4: u32, rhs_at4: u32, rhs_stride4: u32, rhs_low4: u32,
  out_at: u32, out_stride: u32, scale: f32, accumulating: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<stored4>;
@group(0) @binding(2) var<storage, read> rhs: array<stored4>;
@group(0) @binding(3) var<storage, read> lhs_top: array<u32>;
@group(0) @binding(4) var<storage, read> rhs_top: array<u32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

fn gather(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  let left = p.lhs_at4 + row / 4u;
  let right = p.rhs_at4 + column4;
  // A loop, not three calls: the product's code would be there three times.
  for (var term = 0u; term < 1u + 2u * SPLIT; term++) {
    let low_left = select(0u, p.lhs_low4, term == 1u);
    let low_right = select(0u, p.rhs_low4, term == 2u);
    tile_long_product(c, left + low_left, p.lhs_stride4, right + low_right, p.rhs_stride4, p.depth);
  }
  let down = -(part_scale_exponent(lhs_top[0]) + part_scale_exponent(rhs_top[0]));
  // @unroll REGISTERS
  for (var i = 0u; i < TM * TV; i++) {
    (*c)[i] = (*c)[i] * power_of_two(down / 2) * power_of_two(down - down / 2);
  }
}
