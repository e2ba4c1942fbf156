// random_bits(stream, counter) = 32 bits that depend on nothing else; random_normal: mean 0, deviation 1
// The hash is PCG-RXS-M-XS (Jarzynski & Olano 2020, "Hash functions for GPU rendering"), chained: hash the
// number of a stream once, with pcg.
fn pcg(value: u32) -> u32 {
  let state = value * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}

fn random_bits(stream: u32, counter: u32) -> u32 {
  return pcg(counter ^ stream);
}

// The sum of four random bytes: normal to the eye, within 3.5 deviations, and integers up to the last step, so that
// every adapter gives the same noise.
fn random_normal(bits: u32) -> f32 {
  let sum = (bits & 255u) + ((bits >> 8u) & 255u) + ((bits >> 16u) & 255u) + (bits >> 24u);
  return (f32(sum) - 510.0) * (1.0 / 147.80053);
}
