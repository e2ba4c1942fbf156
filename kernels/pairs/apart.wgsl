// apart(i, j, k) = (u_i - u_j)[k] of the unit rows u = z / |z|, with the digits that rounding u first would lose
// Products of two halves of 12 bits are exact, and so is the difference of two near ones; the rest is small. Not by fma:
// software adapters round its product. The kernel declares z [rows, p.columns] and inverse_norms.
// @use high
fn apart(i: u32, j: u32, k: u32) -> f32 {
  let a = z[i * p.columns + k];
  let b = z[j * p.columns + k];
  let r = abs(inverse_norms[i]);
  let s = abs(inverse_norms[j]);
  let small = (high(a) * (r - high(r)) - high(b) * (s - high(s))) + ((a - high(a)) * r - (b - high(b)) * s);
  // The clamp, which never acts, keeps a compiler from adding `small` to one of the products first.
  return clamp(high(a) * high(r) - high(b) * high(s), -4.0, 4.0) + small;
}
