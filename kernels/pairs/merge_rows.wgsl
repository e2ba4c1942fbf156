// merge_rows: what two parts of a row know together; a logit in powers of two is k times a score, top the largest score
// Scores are subtracted first and multiplied then: k times a large score would round away what two of them differ by.
const FLOOR: f32 = -1e30; // top of a part without entries: finite, as a true -inf may be optimised away

struct RowSums {
  top: f32,
  sum: f32, // sum of e = 2^(k (s - top))
  weighted: f32, // sum of e k (s - top)
}

// k (s - top), but finite: its product with a sum of 0 is 0.
fn fall(s: f32, top: f32, k: f32) -> f32 {
  let below = (s - top) * k;
  return select(below, FLOOR, below < FLOOR);
}

fn merge_rows(a: RowSums, b: RowSums, k: f32) -> RowSums {
  let top = max(a.top, b.top);
  let fall_a = fall(a.top, top, k);
  let fall_b = fall(b.top, top, k);
  return RowSums(top, a.sum * exp2(fall_a) + b.sum * exp2(fall_b),
                 fma(a.sum, fall_a, a.weighted) * exp2(fall_a) + fma(b.sum, fall_b, b.weighted) * exp2(fall_b));
}
