// Left: KU steps of TM rows of the left operand, in fours; broadcast hands a number on from the lane that loaded it
// Number f = q LEFT_LANES + lane is step f / TM4 of the rows 4 (f % TM4) ..+3; here every lane loads all of them.
// @use tile_shape
// @swap SUBGROUP broadcast_left_subgroups
const LEFT_LANES: u32 = 1; // lanes that load a share each
const LEFT_LOADS: u32 = KU * TM4;
alias Left = array<vec4f, LEFT_LOADS>;

fn broadcast_lane() -> u32 { return 0u; }

fn broadcast(x: f32, own_lane: u32, from_lane: u32) -> f32 { return x; }
