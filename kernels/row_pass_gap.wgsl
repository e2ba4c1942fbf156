// top, sum, weighted of the logits of row i, s_ij = 1 - a_i.b_j of unit rows, by differences
// @use row_pass skip gap_scores
