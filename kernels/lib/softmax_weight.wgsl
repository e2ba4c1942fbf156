// softmax_weight(x, top, sum) = exp(x - top) / sum, with what log_sum_exp says of the entries that x is one of
// Where their log-sum-exp is not finite, it is what exp(x - lse) gives: NaN, but 0 for a finite x beside an Infinity.
// @use special
fn softmax_weight(x: f32, top: f32, sum: f32, zero: u32) -> f32 {
  if (sum > 0.0) { return exp(max(x - top, -200.0)) / sum; }
  if (sum == -1.0 && kind_of(x) < 2u) { return 0.0; }
  return special(3u, zero);
}
