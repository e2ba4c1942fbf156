// merge_rows: what two parts of a row know together; top is a logit in powers of two, sums are relative to 2^top
const FLOOR: f32 = -1e30; // top of a part without entries: finite, as a true -inf may be optimised away

struct RowSums {
  top: f32,
  sum: f32, // sum of e = 2^(l - top)
  weighted: f32, // sum of e (l - top)
}

fn merge_rows(a: RowSums, b: RowSums) -> RowSums {
  let top = max(a.top, b.top);
  let fall_a = a.top - top;
  let fall_b = b.top - top;
  return RowSums(top, a.sum * exp2(fall_a) + b.sum * exp2(fall_b),
                 fma(a.sum, fall_a, a.weighted) * exp2(fall_a) + fma(b.sum, fall_b, b.weighted) * exp2(fall_b));
}
