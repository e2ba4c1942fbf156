// loss[i] = log(1 + sum_{j != positive} exp(l_ij - l_positive)), share[i] = 2^top / Z, positive_weight[i] = (1 - p) / t_positive
// slope[i] = d loss[i] / d log(1 / temperature) = sum_j p_ij (l_ij - l_positive), where the positive's own term is 0.
// top and sum are those of all columns but the positive, whose logit is a dot product of its own.
// With CENTRED `own` is less the last axis, see unit_rows. With GAP logits are of -(1 - s_ij), less what is the same for all j,
// top is a score, as contrast_panel_running has it, the positive's is in `results`, and there is a slope: see gap_positives.
// @use grid rows contrast
const CENTRED: u32 = 0; // @tune 0 1
const GAP: u32 = 0; // @tune 0 1

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, stride: u32, temperatures: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units: array<f32>; // [rows, stride]
@group(0) @binding(2) var<storage, read> own: array<f32>; // [rows, columns]: the unit positives
@group(0) @binding(3) var<storage, read> temperature: array<f32>; // one for all columns, or one a column
@group(0) @binding(4) var<storage, read> positives: array<u32>;
@group(0) @binding(5) var<storage, read> tops: array<f32>;
@group(0) @binding(6) var<storage, read> sums: array<f32>;
@group(0) @binding(7) var<storage, read> weighteds: array<f32>;
@group(0) @binding(8) var<storage, read_write> results: array<f32>; // [loss share positive_weight slope, rows]

const LOG2E: f32 = 1.4426950408889634;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let i = min(row, p.rows - 1u);
  var products = vec4f();
  for (var k = lane % LANES; k < p.columns; k += 4u * LANES) {
    let u = i * p.stride + k;
    let v = i * p.columns + k;
    products.x = fma(units[u], own[v], products.x);
    if (k + LANES < p.columns) { products.y = fma(units[u + LANES], own[v + LANES], products.y); }
    if (k + 2u * LANES < p.columns) { products.z = fma(units[u + 2u * LANES], own[v + 2u * LANES], products.z); }
    if (k + 3u * LANES < p.columns) { products.w = fma(units[u + 3u * LANES], own[v + 3u * LANES], products.w); }
  }
  var cosine = row_sum(lane, (products.x + products.y) + (products.z + products.w));
  if (CENTRED == 1u) { cosine = fma(own[p.rows * p.columns], units[i * p.stride + p.columns - 1u], cosine); }
  if (row >= p.rows || lane % LANES != 0u) { return; }
  var blank = false; // a zero row: all its scores are 0, but for rounding
  if (GAP == 1u) {
    cosine = results[2u * p.rows + i];
    blank = results[3u * p.rows + i] == 1.0;
  }
  let own_temperature = temperature[min(positives[i], p.temperatures - 1u)];
  let inverse = poisoned(1.0 / own_temperature, own_temperature);
  let k = LOG2E * inverse;
  let positive = select(cosine * k, 0.0, GAP == 1u); // with GAP logits are from the positive's on
  let top = select(tops[i], (tops[i] - cosine) * k, GAP == 1u);
  let rest = select(sums[i], poisoned(sums[i], cosine * k), GAP == 1u);
  let outcome = contrast(rest, top, positive);
  let share = exp2(min(top - outcome.log2_z, 126.0));
  results[i] = outcome.loss;
  results[p.rows + i] = share;
  results[2u * p.rows + i] = (share * rest) * inverse; // is outcome.miss, with the roundings of what it is weighed against
  var slope = 0.0;
  if (GAP == 1u && rest > 0.0 && !blank) { slope = outcome.miss * (weighteds[i] / rest - cosine) * inverse; }
  results[3u * p.rows + i] = slope;
}
