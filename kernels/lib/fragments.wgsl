// c[m, n] += sum_k left[k, m] right[k, n] over a subgroup's fragments; put_strip: one row of them to workgroup memory
// `left` and `right` are the places of the subgroup's first entries at k = 0, `low` how far behind lies what rounding to
// halves left over. depth is a multiple of FK, with zeros on both sides past the true one.
// @use fragment
fn clear_fragments(c: ptr<function, array<Sum, FRAGMENTS>>) {
  // By hand: a variable declared in a loop kept what the last iteration had left in it.
  // @unroll
  for (var i = 0u; i < SM * SN; i++) {
    (*c)[i] = Sum();
  }
}

fn gather_fragments(c: ptr<function, array<Sum, FRAGMENTS>>, left: u32, left_stride: u32, left_low: u32,
                    right: u32, right_stride: u32, right_low: u32, depth: u32, lane: u32) {
  let along = select(left_stride, 1u, LEFT_ROWS == 1u);
  let down = select(1u, left_stride, LEFT_ROWS == 1u);
  for (var k = 0u; k < depth; k += FK) {
    var a: array<Left, SM>;
    var b: array<Right, SN>;
    let l = left + k * along;
    let r = right + k * right_stride;
    // @unroll
    for (var m = 0u; m < SM; m++) {
      a[m] = left_at(l + m * FM * down, left_stride);
    }
    // @unroll
    for (var n = 0u; n < SN; n++) {
      b[n] = right_at(r + n * FN, right_stride);
    }
    if (SPLIT == 1u) {
      // The small products first.
      // @unroll
      for (var m = 0u; m < SM; m++) {
        let low = left_at(l + left_low + m * FM * down, left_stride);
        // @unroll
        for (var n = 0u; n < SN; n++) {
          (*c)[m * SN + n] = multiply_add(low, b[n], (*c)[m * SN + n], lane);
        }
      }
      // @unroll
      for (var n = 0u; n < SN; n++) {
        let low = right_at(r + right_low + n * FN, right_stride);
        // @unroll
        for (var m = 0u; m < SM; m++) {
          (*c)[m * SN + n] = multiply_add(a[m], low, (*c)[m * SN + n], lane);
        }
      }
    }
    // @unroll
    for (var m = 0u; m < SM; m++) {
      // @unroll
      for (var n = 0u; n < SN; n++) {
        (*c)[m * SN + n] = multiply_add(a[m], b[n], (*c)[m * SN + n], lane);
      }
    }
  }
}
