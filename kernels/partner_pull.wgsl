// g[i] = g[i] - (miss_i + miss_j) (u_j - u_i) for the positive j of row i, i and i + n/2 each other's; cancels[i] as row_cancel
// Of a row below the norm's floor, whose gradient knows what is along it, g[i] - (miss_i + miss_j) u_j.
// What a positive pulls may be more than all the other rows together. Added among them, it would round each that follows
// to its own digits; and what it pulls along u_i, which the gradient does not know, would take the place of those of the
// difference.
// @use row_cancel
@group(0) @binding(4) var<storage, read> inverse_norms: array<f32>; // negative where the floor acts
@group(0) @binding(5) var<storage, read_write> g: array<vec4f>; // [rows, stride4]

fn pulled(row: u32, at4: u32) -> vec4f {
  let half = p.rows / 2u;
  let i = min(row, p.rows - 1u);
  let j = select(i + half, i - half, i >= half);
  let own = select(units[at4], vec4f(), inverse_norms[i] < 0.0);
  let other = units[at4 + j * p.stride4 - i * p.stride4];
  let all = g[at4] - (reaches[p.at + i] + reaches[p.at + j]) * (other - own);
  if (row < p.rows) { g[at4] = all; }
  return all;
}
