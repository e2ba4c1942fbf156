// row and column sums of exp(scale (a_i.b_j - 1)), i != j, by differences, in parts; no tile is kept
// @use cross_pass cross_gaps keep_nothing
