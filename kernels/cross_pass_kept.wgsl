// row and column sums of exp(scale a_i.b_j), i != j, in parts; products[i, j] = a_i.b_j is kept
// @use cross_pass cross_products keep_products
