// loss = log(1 + x), x = sum over j != positive of exp((s_ij - s_positive) / tau), and what its gradient needs of it
// In this form a loss near zero keeps its digits: log Z - s_positive would lose them to cancellation.
// DECOUPLED: the positive is no part of Z: loss = log R - s_positive / tau, and it lacks the whole weight.
// What is no number shows: min, max and log hide it on some adapters. A positive of -Infinity (masked) costs Infinity.
// @use log1p finite
const DECOUPLED: u32 = 0; // @tune 0 1

struct Contrast {
  loss: f32,
  log2_z: f32, // log2 of sum over j, positive included, of exp(s_ij / tau)
  miss: f32, // weight that the positive lacks: 1 - p_positive, never formed as that difference
}

const LN2: f32 = 0.6931471805599453;

// rest * 2^shift is the sum without the positive, whose own logit is `positive` (in powers of two).
fn contrast(rest: f32, shift: f32, positive: f32) -> Contrast {
  if (not_finite(rest) || (not_finite(positive) && !(positive < 0.0))) {
    let nothing = as_nan(rest);
    return Contrast(nothing, nothing, nothing);
  }
  if (rest <= 0.0) { return Contrast(0.0, positive, 0.0); }
  let gap = shift - positive;
  if (DECOUPLED == 1u || gap > 100.0) { // x itself would overflow; there it is so large that 1 + x = x
    let log2_z = shift + log2(rest);
    return Contrast((log2_z - positive) * LN2, log2_z, 1.0);
  }
  let x = rest * exp2(gap);
  return Contrast(log1p(x), positive + log2(1.0 + x), x / (1.0 + x));
}
