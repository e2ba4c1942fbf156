// part: what an operand of fragments is stored in; part_scale_exponent: the power of two that it was multiplied by; high_part
// high_part(x): x rounded to what a part holds.
// @swap F16 part_f16
alias part = f32;

fn part_scale_exponent(top: u32) -> i32 { return 0; }

fn high_part(x: f32) -> f32 { return x; }
