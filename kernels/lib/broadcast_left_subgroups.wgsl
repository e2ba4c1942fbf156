// As broadcast_left, by shuffles among the WX lanes that share rows
// WX <= SUBGROUP, both powers of two. All of them call it, as often. Lanes past the last number load what nobody asks for.
// @use tile_shape
enable subgroups;
const SUBGROUP: u32 = 8; // @tune 4 8 16 32 64
const PINNED: u32 = 0; // @tune 0 1
const LEFT_LANES: u32 = WX;
const LEFT_LOADS: u32 = (KU * TM4 + WX - 1) / WX;
alias Left = array<vec4f, LEFT_LOADS>;

fn broadcast_lane() -> u32 { return subgroupExclusiveAdd(1u); } // the lane's number in its subgroup

fn broadcast(x: f32, own_lane: u32, from_lane: u32) -> f32 {
  // A constant, where it can be one: lavapipe reads that lane alone.
  if (SUBGROUP == WX) { return subgroupShuffle(x, from_lane); }
  return subgroupShuffle(x, own_lane - own_lane % WX + from_lane);
}
