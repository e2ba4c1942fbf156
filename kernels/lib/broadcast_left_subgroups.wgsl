// As broadcast_left, by shuffles among the WX lanes that share rows
// WX <= SUBGROUP, both powers of two. All of them call it, as often.
// @use tile_shape
enable subgroups;
const SUBGROUP: u32 = 8; // @tune 4 8 16 32 64
const PINNED: u32 = 0; // @tune 0 1
const BROADCAST_LANES: u32 = WX;

fn broadcast_lane() -> u32 { return subgroupExclusiveAdd(1u); } // the lane's number in its subgroup

fn broadcast_left(mine: array<vec4f, TM4>, own_lane: u32, from_lane: u32) -> array<vec4f, TM4> {
  var all: array<vec4f, TM4>;
  // @unroll
  for (var i = 0u; i < TM / 4; i++) {
    all[i] = subgroupShuffle(mine[i], own_lane - own_lane % WX + from_lane);
  }
  return all;
}
