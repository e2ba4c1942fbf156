// scores: a_i.b_j of shifted unit rows by their differences, less a constant: -((|a_i - b_j|^2 - origin) / 2 + terms of both), see gap_scores
// @use tile_distance
@group(0) @binding(7) var<storage, read> shortfalls: array<f32>; // of rows, then of columns from 4 width4 on
@group(0) @binding(8) var<storage, read> origins: array<vec4f>; // one number for all columns, see gap_positives

fn scores(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  var origin: array<vec4f, TV>;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    origin[v] = origins[column4 + v * WX];
  }
  tile_distance_from(c, array<f32, TM>(), origin, row / 4u, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let j = 4u * p.width4 + min(vec4u(4u * (column4 + v * WX)) + vec4u(0u, 1u, 2u, 3u), vec4u(p.n - 1u));
    let short = vec4f(shortfalls[j.x], shortfalls[j.y], shortfalls[j.z], shortfalls[j.w]);
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      (*c)[m * TV + v] = -fma((*c)[m * TV + v], vec4f(0.5), short + shortfalls[min(row + m, p.n - 1u)]);
    }
  }
}
