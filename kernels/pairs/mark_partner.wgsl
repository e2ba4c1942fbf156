// row_mark(i) == column_mark(j): i and j are each other's positives, j = i + n/2 (mod n)
// Positives are left out of the sums.
const POSITIVES: u32 = 0;

fn row_mark(i: u32) -> u32 {
  let half = p.n / 2u;
  return select(i + half, i - half, i >= half);
}

fn column_mark(j: vec4u) -> vec4u { return j; }
