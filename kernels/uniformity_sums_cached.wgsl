// R[i] = sum over j != i of exp(-|u_i - u_j|^2 / (2 tau)); every e_ij of the triangle is kept
// @use pair_sums pair_distances keep_tile mark_nobody
