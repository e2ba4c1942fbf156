// triangle_block: block number t of a symmetric matrix -> (I, J) with I <= J, t = J (J + 1) / 2 + I
fn triangle_block(t: u32) -> vec2u {
  // f32's square root is off by at most one block here; integers settle it.
  var j = u32((sqrt(8.0 * f32(t) + 1.0) - 1.0) * 0.5);
  if (j * (j + 1u) / 2u > t) { j -= 1u; }
  if ((j + 1u) * (j + 2u) / 2u <= t) { j += 1u; }
  return vec2u(t - j * (j + 1u) / 2u, j);
}
