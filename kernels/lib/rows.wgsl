// row_sum, row_max: reductions over a row by LANES neighbouring lanes, WG / LANES rows a workgroup.
// Every lane of the workgroup calls them (they hold barriers), so a kernel clamps a row past the end and stores nothing.
// @swap SUBGROUP rows_subgroups
const WG: u32 = 64;
const LANES: u32 = 1; // @tune 1 64

var<workgroup> row_scratch: array<f32, WG>;

fn row_sum(lane: u32, value: f32) -> f32 {
  if (LANES == 1u) { return value; }
  row_scratch[lane] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half >>= 1u) {
    if (lane % LANES < half) { row_scratch[lane] += row_scratch[lane + half]; }
    workgroupBarrier();
  }
  let total = row_scratch[lane - lane % LANES];
  workgroupBarrier(); // without it a fast lane's next write would meet a slow lane's read of this total
  return total;
}

fn row_max(lane: u32, value: f32) -> f32 {
  if (LANES == 1u) { return value; }
  row_scratch[lane] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half >>= 1u) {
    if (lane % LANES < half) { row_scratch[lane] = max(row_scratch[lane], row_scratch[lane + half]); }
    workgroupBarrier();
  }
  let top = row_scratch[lane - lane % LANES];
  workgroupBarrier(); // as above
  return top;
}
