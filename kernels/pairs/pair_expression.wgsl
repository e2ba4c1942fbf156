// pair_value: f of a pair's score s and of its labels; pair_slope: df/ds. A caller's expressions take the place of this file
fn pair_value(s: f32, label_i: i32, label_j: i32) -> f32 {
  return s;
}

fn pair_slope(s: f32, label_i: i32, label_j: i32) -> f32 {
  return 1.0;
}
