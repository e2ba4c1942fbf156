// R[i] = sum over j not in {i, positive of i} of exp((s_ij - 1) / tau), a partial sum a lane; no tile is kept
// @use pair_sums_lanes pair_products keep_nothing mark_partner
