// fine_shortfall(square, rest, scattered): shortfall of a row whose |u|^2 is square + rest, see coarse; with all digits where scattered
// |u_i - u_j|^2 / 2 is 1 - s_ij but for what rounding left |u_i| and |u_j| off 1, times 1 - s_ij. Of near rows that is nothing; of
// scattered ones it is as much as the digits that their scores, near 0, have below those of 1.
// @use shortfall
fn fine_shortfall(square: f32, rest: f32, scattered: bool) -> f32 {
  return select(shortfall(square + rest), -0.5 * ((square - 1.0) + rest), scattered);
}
