// skipped: which pairs (i, j) of a sweep do not count; columns past the last never do
const SKIP: u32 = 0; // @tune 0 1 2

// 0: none. 1: j = i. 2: j = i and i's partner, j = i + n/2 (mod n) of n = p.columns rows.
fn skipped(i: u32, j: vec4u) -> vec4<bool> {
  let outside = j >= vec4u(p.columns);
  if (SKIP == 0u) { return outside; }
  let itself = j == vec4u(i);
  if (SKIP == 1u) { return outside | itself; }
  let half = p.columns / 2u;
  let partner = j == vec4u(select(i + half, i - half, i >= half));
  return outside | itself | partner;
}
