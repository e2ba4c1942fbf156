// R[i], Q[i] = sums over i's negatives and its positives j of exp((s_ij - 1) / tau); no tile is kept
// @use pair_sums pair_products keep_nothing mark_class
