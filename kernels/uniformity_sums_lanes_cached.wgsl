// R[i] = sum over j != i of exp(-|u_i - u_j|^2 / (2 tau)), a partial sum a lane; every e_ij of the triangle is kept
// @use pair_sums_lanes pair_distances keep_tile mark_nobody
