// the right side of a register tile at one k: TV vec4s of rhs, WX apart, from vec4 `at` on
// @use tile_shape
fn tile_right(at: u32) -> array<vec4f, TV> {
  var b: array<vec4f, TV>;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    b[v] = vec4f(rhs[at + v * WX]);
  }
  return b;
}
