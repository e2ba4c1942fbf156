// the right side of KU steps of a product: TV vec4s of rhs at each, WX apart, from vec4 `at` on, `stride` vec4s a step; 0 from `steps` on
// @use tile_shape right_operand
fn tile_right(at: u32, stride: u32, steps: u32) -> array<vec4f, TILE_RIGHT> {
  var b: array<vec4f, TILE_RIGHT>;
  // @unroll
  for (var u = 0u; u < KU; u++) {
    // @unroll
    for (var v = 0u; v < TV; v++) {
      b[u * TV + v] = right4(at + u * stride + v * WX, KU == 1u || u < steps);
    }
  }
  return b;
}
