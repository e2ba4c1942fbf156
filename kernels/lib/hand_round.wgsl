// handed: four numbers for each of TM4 from the lane that loaded them; here every lane loads its own
// @use tile_shape
// @swap SUBGROUP hand_round_subgroups
const HANDS: u32 = 1; // lanes that load something each, and hand it round

fn hand_seat() -> u32 { return 0u; }

fn handed(mine: array<vec4f, TM4>, seat: u32, from_hand: u32) -> array<vec4f, TM4> { return mine; }
