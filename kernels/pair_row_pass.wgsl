// top, sum, weighted of the logits of row i, f(s_ij) with f and s as the caller says
// @use row_pass skip pair_values
