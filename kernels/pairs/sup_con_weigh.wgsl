// weigh: products of rows j and columns i become w_ji = sum over both rows of factor 2^(l_ij - top) - target_weight, in place
// top, factor and target_weight are those of a row's positives where i and j are of one class, else of its negatives, which have no
// target weight; w is 0 for i = j. A top is no smaller than the logit, so nothing overflows at any temperature. The kernel declares
// `row_factors`, `target_weights` and `temperature`.
// @use tile_shape mark_class
const LOG2E: f32 = 1.4426950408889634;

fn weigh(c: ptr<function, array<vec4f, TILE_BLOCK>>, j0: u32, i4: u32) {
  let k = vec4f(LOG2E / temperature[0]);
  let last = p.n - 1u;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let i = vec4u(4u * (i4 + v * WX)) + vec4u(0u, 1u, 2u, 3u);
    let marks = column_mark(i);
    let at = min(i, vec4u(last));
    let x = row_factors[at.x];
    let y = row_factors[at.y];
    let z = row_factors[at.z];
    let w = row_factors[at.w];
    let target_weight = vec4f(target_weights[at.x], target_weights[at.y], target_weights[at.z], target_weights[at.w]);
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      let j = j0 + m;
      let factors = row_factors[min(j, last)];
      let same = marks == vec4u(row_mark(j));
      let s = (*c)[m * TV + v];
      let top_i = select(vec4f(x.x, y.x, z.x, w.x), vec4f(x.z, y.z, z.z, w.z), same);
      let factor_i = select(vec4f(x.y, y.y, z.y, w.y), vec4f(x.w, y.w, z.w, w.w), same);
      let top_j = select(vec4f(factors.x), vec4f(factors.z), same);
      let factor_j = select(vec4f(factors.y), vec4f(factors.w), same);
      let both = factor_i * exp2(min(fma(s, k, -top_i), vec4f())) + factor_j * exp2(min(fma(s, k, -top_j), vec4f()));
      let both_targets = select(vec4f(), target_weight + target_weights[min(j, last)], same);
      let blank = j >= p.n;
      let skip = (i == vec4u(j)) | (i >= vec4u(p.n)) | vec4<bool>(blank);
      (*c)[m * TV + v] = select(both - both_targets, vec4f(), skip);
    }
  }
}
