// scores: c = f(s_ij) for the tile's rows i of a and columns j of b; NaN where s_ij is, whatever f makes of it: max, log and select hide it
// @use pair_scores
fn scores(c: ptr<function, array<vec4f, TILE_BLOCK>>, row4: u32, column4: u32) {
  pair_scores(c, row4, column4);
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let j = 4u * (column4 + v * WX);
    let x = label_at(p.rows, j, p.columns);
    let y = label_at(p.rows, j + 1u, p.columns);
    let z = label_at(p.rows, j + 2u, p.columns);
    let w = label_at(p.rows, j + 3u, p.columns);
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      let s = (*c)[m * TV + v];
      let i = label_at(0u, 4u * row4 + m, p.rows);
      let f = vec4f(pair_value(s.x, i, x), pair_value(s.y, i, y), pair_value(s.z, i, z), pair_value(s.w, i, w));
      (*c)[m * TV + v] = select(f, s, (bitcast<vec4u>(s) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u));
    }
  }
}
