// row_mark(i) == column_mark(j): i and j are each other's positives, j = i + n/2 (mod n); nobody is, where PARTNERS is 0
// Positives are left out of the sums.
const PARTNERS: u32 = 1; // @tune 0 1
const POSITIVES: u32 = 0;

fn row_mark(i: u32) -> u32 {
  if (PARTNERS == 0u) { return 0xffffffffu; }
  let half = p.n / 2u;
  return select(i + half, i - half, i >= half);
}

fn column_mark(j: vec4u) -> vec4u { return j; }
