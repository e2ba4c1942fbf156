// the left side of a register tile at one k: TM neighbours of lhs, from vec4 `at` on
// @use tile_shape
fn tile_left(at: u32) -> array<vec4f, TM4> {
  var a: array<vec4f, TM4>;
  // @unroll
  for (var i = 0u; i < TM / 4; i++) {
    a[i] = vec4f(lhs[at + i]); // past the depth, where BROADCAST_LANES is more than k: not broadcast
  }
  return a;
}
