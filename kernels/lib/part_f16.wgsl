// part: half-precision numbers, scaled to where f16 has its digits: the operand's largest comes to lie below 2^15
// `top` are the bits of an f32, as large as any entry's magnitude. Numbers down to 2^-28 of it keep 11 bits.
enable f16;
alias part = f16;

fn part_scale_exponent(top: u32) -> i32 {
  let exponent = i32((top >> 23u) & 255u);
  return select(clamp(141 - exponent, -126, 126), 0, exponent == 255); // not finite: nothing to save
}

// By bits: of f32(f16(x)) lavapipe makes x, and of what rounding left over, 0.
fn high_part(x: f32) -> f32 { return bitcast<f32>((bitcast<u32>(x) + 0x1000u) & 0xffffe000u); }
