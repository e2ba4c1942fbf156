// c += a b, one step of a product along k: TM rows of the left side times TV vec4s of the right
// The loops over c unroll: an index known only at run time would put the block into memory (0.2 GFLOP/s, not 3).
// @use tile_shape
fn tile_outer(c: ptr<function, array<vec4f, TILE_BLOCK>>, a: array<vec4f, TM4>, b: array<vec4f, TV>) {
  // @unroll
  for (var m = 0u; m < TM; m++) {
    // @unroll
    for (var v = 0u; v < TV; v++) {
      (*c)[m * TV + v] = fma(vec4f(a[m / 4u][m % 4u]), b[v], (*c)[m * TV + v]);
    }
  }
}
