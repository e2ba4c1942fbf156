// c[m * TV + v] += sum_k (lhs[k, 4 row4 + m] - rhs[k, 4 (column4 + v WX) ..+3])^2
// As tile_long_product, but of differences: |a|^2 + |b|^2 - 2 a.b would lose the digits of near points.
// @use tile_shape broadcast_left tile_left tile_right
const DISTANCE_SPAN: u32 = 64; // as TILE_SPAN, but squares have one sign: their sums gather more

fn tile_distance(c: ptr<function, array<vec4f, TILE_BLOCK>>, lhs_at: u32, lhs_stride: u32, rhs_at: u32, rhs_stride: u32,
                 depth: u32) {
  let own_lane = broadcast_lane();
  var mine: array<vec4f, TM4>;
  for (var first = 0u; first < depth; first += DISTANCE_SPAN) {
    var part: array<vec4f, TILE_BLOCK>;
    tile_clear(&part);
    for (var k = first; k < min(first + DISTANCE_SPAN, depth); k++) {
      if (k % BROADCAST_LANES == 0u) { mine = tile_left(lhs_at + (k + own_lane % BROADCAST_LANES) * lhs_stride); }
      let a = broadcast_left(mine, own_lane, k % BROADCAST_LANES);
      let b = tile_right(rhs_at + k * rhs_stride);
      // @unroll
      for (var m = 0u; m < TM; m++) {
        // @unroll
        for (var v = 0u; v < TV; v++) {
          let apart = vec4f(a[m / 4u][m % 4u]) - b[v];
          part[m * TV + v] = fma(apart, apart, part[m * TV + v]);
        }
      }
    }
    tile_add(c, &part);
  }
}
