// R[i] = sum over j not in {i, positive of i} of exp((s_ij - 1) / tau); no tile is kept
// @use pair_sums pair_products keep_nothing mark_partner
