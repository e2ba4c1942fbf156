// row_sum, row_max: as rows, by shuffles within a subgroup: no workgroup memory, no barrier
// The butterfly adds in an order that indices fix (halves LANES / 2, ..., 1), and all lanes end with the same bits. LANES
// neighbours lie in one subgroup: LANES <= SUBGROUP, both powers of two, and subgroups are filled in order.
enable subgroups;
const WG: u32 = 64;
const LANES: u32 = 4; // @tune 4 8 16 32 64
const SUBGROUP: u32 = 4; // @tune 4 8 16 32 64
const PINNED: u32 = 0; // @tune 0 1

fn row_sum(lane: u32, value: f32) -> f32 {
  var total = value;
  for (var half = LANES / 2u; half > 0u; half >>= 1u) { total += subgroupShuffleXor(total, half); }
  return total;
}

fn row_max(lane: u32, value: f32) -> f32 {
  var top = value;
  for (var half = LANES / 2u; half > 0u; half >>= 1u) { top = max(top, subgroupShuffleXor(top, half)); }
  return top;
}
