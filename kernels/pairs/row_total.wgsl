// total = (max_i top[i], sum_i sum[i] 2^(k (top[i] - that))): the parts of all rows of a row pass together
// @use rows
struct Params { first_group: u32, end_group: u32, rows: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> tops: array<f32>;
@group(0) @binding(2) var<storage, read> sums: array<f32>;
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<storage, read_write> total: array<f32>;

const LOG2E: f32 = 1.4426950408889634;

@compute @workgroup_size(WG)
fn main(@builtin(local_invocation_index) lane: u32) {
  let k = abs(p.scale) * LOG2E / temperature[0];
  var top = tops[0];
  for (var i = lane % LANES; i < p.rows; i += LANES) { top = max(top, tops[i]); }
  top = row_max(lane, top);
  var sum = 0.0;
  for (var i = lane % LANES; i < p.rows; i += LANES) { sum = fma(sums[i], exp2(max((tops[i] - top) * k, -200.0)), sum); }
  sum = row_sum(lane, sum);
  if (lane > 0u) { return; }
  total[0] = top;
  total[1] = sum;
}
