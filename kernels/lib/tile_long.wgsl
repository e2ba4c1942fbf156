// as tile_product, along a k of any length: spans of it are added up
// Sweeps over the features of unit rows do without: at D = 128 the spare additions would take 1 % of them.
// @use tile
fn tile_long_product(c: ptr<function, array<vec4f, TILE_BLOCK>>, lhs_at: u32, lhs_stride: u32, rhs_at: u32, rhs_stride: u32,
                     depth: u32) {
  for (var first = 0u; first < depth; first += TILE_SPAN) {
    var part: array<vec4f, TILE_BLOCK>;
    tile_clear(&part);
    tile_product(&part, lhs_at + first * left_stride(lhs_stride), lhs_stride, rhs_at + first * right_stride(rhs_stride), rhs_stride,
                 min(TILE_SPAN, depth - first));
    tile_add(c, &part);
  }
}
