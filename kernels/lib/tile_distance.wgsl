// c[m * TV + v] += sum_k (lhs[k, 4 row4 + m] - rhs[k, 4 (column4 + v WX) ..+3])^2
// As tile_product, but of differences: |a|^2 + |b|^2 - 2 a.b would lose the digits of near points.
// @use tile
fn tile_distance(c: ptr<function, array<vec4f, TILE_BLOCK>>, lhs_at: u32, lhs_stride: u32, rhs_at: u32, rhs_stride: u32,
                 depth: u32) {
  var l = lhs_at;
  var r = rhs_at;
  for (var k = 0u; k < depth; k++) {
    var a: array<vec4f, TM4>;
    var b: array<vec4f, TV>;
    // @unroll
    for (var i = 0u; i < TM / 4; i++) {
      a[i] = lhs[l + i];
    }
    // @unroll
    for (var v = 0u; v < TV; v++) {
      b[v] = rhs[r + v * WX];
    }
    // @unroll
    for (var m = 0u; m < TM; m++) {
      // @unroll
      for (var v = 0u; v < TV; v++) {
        let apart = vec4f(a[m / 4u][m % 4u]) - b[v];
        (*c)[m * TV + v] = fma(apart, apart, (*c)[m * TV + v]);
      }
    }
    l += lhs_stride;
    r += rhs_stride;
  }
}
