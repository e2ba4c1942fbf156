// the left side of KU steps of a product: TM neighbours of lhs at each, from vec4 `at` on, `stride` vec4s a step; 0 from `steps` on
// @use broadcast_left left_operand
fn tile_left(at: u32, stride: u32, own_lane: u32, steps: u32) -> Left {
  var a: Left;
  // @unroll
  for (var q = 0u; q < LEFT_LOADS; q++) {
    let f = q * LEFT_LANES + own_lane % LEFT_LANES;
    a[q] = left4(at + (f / TM4) * stride + f % TM4, KU == 1u || f / TM4 < steps);
  }
  return a;
}
