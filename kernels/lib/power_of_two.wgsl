// power_of_two(e) = 2^e for -126 <= e <= 127; times_power_of_two(x, e) = x 2^e for twice that range
fn power_of_two(e: i32) -> f32 { return bitcast<f32>(u32(clamp(e, -126, 127) + 127) << 23u); }

fn times_power_of_two(x: f32, e: i32) -> f32 {
  let half = e / 2;
  return x * power_of_two(half) * power_of_two(e - half);
}
