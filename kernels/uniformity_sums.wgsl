// R[i] = sum over j != i of exp(-|u_i - u_j|^2 / (2 tau)); no tile is kept
// @use pair_sums pair_distances keep_nothing mark_nobody
