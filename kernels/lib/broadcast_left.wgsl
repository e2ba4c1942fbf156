// broadcast_left: four numbers for each of TM4 from the lane that loaded them; here every lane loads its own
// @use tile_shape
// @swap SUBGROUP broadcast_left_subgroups
const BROADCAST_LANES: u32 = 1; // lanes that load something each, and broadcast it

fn broadcast_lane() -> u32 { return 0u; }

fn broadcast_left(mine: array<vec4f, TM4>, own_lane: u32, from_lane: u32) -> array<vec4f, TM4> { return mine; }
