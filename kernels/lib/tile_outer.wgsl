// c += a b, KU steps of a product along k: TM rows of the left side times TV vec4s of the right, a step after the other
// @use broadcast_left
fn tile_outer(c: ptr<function, array<vec4f, TILE_BLOCK>>, a: ptr<function, Left>, b: ptr<function, array<vec4f, TILE_RIGHT>>,
              own_lane: u32) {
  // @unroll
  for (var m = 0u; m < TM; m++) {
    var left: array<vec4f, KU>;
    // @unroll
    for (var u = 0u; u < KU; u++) {
      left[u] = vec4f(broadcast((*a)[(u * TM4 + m / 4u) / LEFT_LANES][m % 4u], own_lane, (u * TM4 + m / 4u) % LEFT_LANES));
    }
    // @unroll
    for (var v = 0u; v < TV; v++) {
      var sum = (*c)[m * TV + v];
      // @unroll
      for (var u = 0u; u < KU; u++) {
        sum = fma(left[u], (*b)[u * TV + v], sum);
      }
      (*c)[m * TV + v] = sum;
    }
  }
}
