// R[i] = sum over j not in {i, positive of i} of exp((s_ij - 1) / tau); every e_ij of the triangle is kept
// @use pair_sums pair_products keep_tile mark_partner
