// w_ji = 2^(l_ij - top_i) / t_j in place of s_ij, l_ij = s_ij / (t_j ln 2), for the columns j of a panel and all rows i
// top, sum and weighted of a row (see merge_rows) go on from the panels before; what was gathered from those is
// falls_i = 2^(old top - new top) of its former self. A row's own positive joins neither maximum nor sum, and gets 0.
// With GAP the panel holds |u_i - v_j|^2, and s_ij is -(1 - s_ij) less what is the same for all j: see gap_scores. Then there is
// one temperature, and top_i is a score: scores are subtracted first, as products with 1 / t_j would round away what they differ by.
// weighted_i is sum_j e_ij s_ij then, of scores from the positive's on, see gap_positives; without GAP nobody asks for it.
// @use grid rows merge_rows finite
const GAP: u32 = 0; // @tune 0 1
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, stride: u32, first: u32, temperatures: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> temperature: array<f32>; // one for all columns, or one a column
@group(0) @binding(2) var<storage, read> positives: array<u32>; // among all columns; past them for none
@group(0) @binding(3) var<storage, read_write> weights: array<f32>; // [panel, stride]; in: s
@group(0) @binding(4) var<storage, read_write> tops: array<f32>;
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;
@group(0) @binding(6) var<storage, read_write> weighteds: array<f32>;
@group(0) @binding(7) var<storage, read_write> falls: array<f32>;
@group(0) @binding(8) var<storage, read> shortfalls: array<f32>; // of the panel's columns

const LOG2E: f32 = 1.4426950408889634;
const BLOCK: u32 = 64; // partial sums: a long chain of additions would lose digits

fn score(j: u32, at: u32) -> f32 {
  if (GAP == 1u) { return -fma(0.5, weights[at], shortfalls[j]); }
  return weights[at];
}

fn over_temperature(j: u32) -> f32 {
  let own = temperature[min(p.first + j, p.temperatures - 1u)];
  return poisoned(1.0 / own, own);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let i = min(row, p.rows - 1u);
  let k = select(1.0, LOG2E * over_temperature(0u), GAP == 1u);
  let positive = positives[i] - p.first; // wraps to a large number where it is not in this panel
  var before = RowSums(FLOOR, 0.0, 0.0);
  if (p.first > 0u) { before = RowSums(tops[i], sums[i], weighteds[i]); }
  var high = FLOOR;
  for (var j = lane % LANES; j < p.columns; j += LANES) {
    let l = score(j, j * p.stride + i) * select(LOG2E * over_temperature(j), 1.0, GAP == 1u);
    high = max(high, select(l, FLOOR, j == positive));
  }
  let top = max(before.top, row_max(lane, high));
  var sum = 0.0;
  var weighted = 0.0;
  for (var start = 0u; start < p.columns; start += BLOCK * LANES) {
    var part = 0.0;
    var part_weighted = 0.0;
    let end = min(start + BLOCK * LANES, p.columns);
    for (var j = start + lane % LANES; j < end; j += LANES) {
      let at = j * p.stride + i;
      let over = over_temperature(j);
      var from_top = (score(j, at) - top) * k;
      if (GAP == 0u) { from_top = fma(score(j, at), LOG2E * over, -top); }
      let below = select(from_top, 0.0, from_top > 0.0); // min would hide a NaN
      let e = select(exp2(below), 0.0, j == positive);
      part += e;
      if (GAP == 1u) { part_weighted = select(fma(e, score(j, at), part_weighted), part_weighted, j == positive); }
      if (row < p.rows) { weights[at] = e * over; }
    }
    sum += part;
    weighted += part_weighted;
  }
  sum = row_sum(lane, sum);
  if (GAP == 1u) { weighted = row_sum(lane, weighted); }
  if (row >= p.rows || lane % LANES != 0u) { return; }
  let down = exp2(fall(before.top, top, k)); // top is of both
  tops[i] = top;
  sums[i] = fma(before.sum, down, sum);
  weighteds[i] = fma(before.weighted, down, weighted);
  falls[i] = down;
}
