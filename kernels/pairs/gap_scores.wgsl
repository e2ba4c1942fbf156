// scores: 1 - a_i.b_j of unit rows by their differences, less what is the same for all columns j: (|a_i - b_j|^2 - origin_i) / 2
// + shortfall_j + trim_j origin_i / 2, see shortfalls
// Where rows share a direction, their products are 1 up to a rounding as large as what tells them apart.
// Two sides may each have a direction of their own: then a_i - b_j is what all pairs have, and of a_i - b_j - o, for any o,
// -|a_i - b_j - o|^2 / 2 - o.(a_i - a) + o.(b_j - b) is the score but for a constant. With o the difference a - b of the means
// all of it is small; the last two are part of the rows' `shortfalls` then, and o is in the units: see offset_columns.
// @use tile_distance
@group(0) @binding(6) var<storage, read> shortfalls: array<f32>; // [3, p.columns]: shortfalls, origins, trims

fn scores(c: ptr<function, array<vec4f, TILE_BLOCK>>, row4: u32, column4: u32) {
  var origin: array<f32, TM>;
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    origin[m] = shortfalls[p.columns + min(4u * row4 + m, p.columns - 1u)];
  }
  tile_distance_from(c, origin, array<vec4f, TV>(), row4, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let j = min(vec4u(4u * (column4 + v * WX)) + vec4u(0u, 1u, 2u, 3u), vec4u(p.columns - 1u));
    let short = vec4f(shortfalls[j.x], shortfalls[j.y], shortfalls[j.z], shortfalls[j.w]);
    let t = j + 2u * p.columns;
    let trim = vec4f(shortfalls[t.x], shortfalls[t.y], shortfalls[t.z], shortfalls[t.w]);
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      (*c)[m * TV + v] = fma(vec4f(0.5), (*c)[m * TV + v], fma(trim, vec4f(0.5 * origin[m]), short));
    }
  }
}
