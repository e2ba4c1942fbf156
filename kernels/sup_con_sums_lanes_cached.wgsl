// R[i], Q[i] = sums over i's negatives and its positives j of exp((s_ij - 1) / tau), a partial sum a lane; every e_ij is kept
// @use pair_sums_lanes pair_products keep_tile mark_class
