// pair_scores: adds lhs_i.rhs_j, or |lhs_i - rhs_j|^2 where DISTANCE is 1, to a tile; label_at: a row's label, if there are any
// @use tile_long tile_distance pair_expression
const DISTANCE: u32 = 0; // @tune 0 1
const LABELS: u32 = 0; // @tune 0 1

@group(0) @binding(7) var<storage, read> numbers: array<f32>; // what the expressions call by name
@group(0) @binding(8) var<storage, read> labels: array<i32>; // of the rows of a, then of those of b

fn pair_scores(c: ptr<function, array<vec4f, TILE_BLOCK>>, row4: u32, column4: u32) {
  if (DISTANCE == 1u) {
    tile_distance(c, row4, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
  } else {
    tile_long_product(c, row4, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
  }
}

fn label_at(first: u32, row: u32, rows: u32) -> i32 {
  if (LABELS == 0u) { return 0; }
  return labels[first + min(row, rows - 1u)];
}
