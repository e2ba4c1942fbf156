// loss[i] = log(1 + R / Q) + log Q - mean over P_i of s_ij / tau, or with INSIDE log(1 + R / Q) + log |P_i|
// P_i are the row's positives; Q and R are the sums of exp(s_ij / tau) over positives and over negatives, and Z = Q + R.
// A row with one positive has log(1 + R / e_positive) in both forms, which keeps its digits near zero. A row without
// positives has loss 0.
// Beside the loss, for the gradient:
//   slope = d loss[i] / d log(1 / tau)
//   row_factors[i] = (top, factor) of negatives and (top, factor) of positives, target_weights[i], which are the weight
//     w_ij = factor 2^(l_ij - top) - (target_weight where j is a positive), l_ij = s_ij / (tau ln 2):
//       a negative: e_ij / Z;  a positive: e_ij / Z - 1 / |P_i|, with INSIDE -(e_ij / Q) (R / Z);  an only positive: -R / Z
//   misses[i] = R / Z = 1 - p(positives)
//   cancellation_scales[i], see row_cancel
// @use grid contrast
const WG: u32 = 64;
const LOG2E: f32 = 1.4426950408889634;
const INSIDE: u32 = 0; // @tune 0 1
// With GAP means and logits are of -(1 - s_ij), by differences: see gap_scores.
const GAP: u32 = 0; // @tune 0 1

struct Params { first_group: u32, end_group: u32, n: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> statistics: array<vec4f>; // (sum, top, weighted, level) of negatives [n], of positives [n]; see row_statistics
@group(0) @binding(2) var<storage, read> means: array<vec2f>; // mean cosine of positives, their number
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<storage, read_write> results: array<f32>; // losses [n], slopes [n]
@group(0) @binding(5) var<storage, read_write> row_factors: array<vec4f>; // top and factor: of negatives, of positives
@group(0) @binding(6) var<storage, read_write> target_weights: array<f32>; // what is subtracted from the weight of a positive
@group(0) @binding(7) var<storage, read_write> misses: array<f32>; // R / Z
@group(0) @binding(8) var<storage, read_write> cancellation_scales: array<f32>; // see row_cancel

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.n) { return; }
  let mean = means[i].x;
  let count = means[i].y;
  var loss = 0.0;
  var slope = 0.0;
  var factors = vec4f();
  var target_weight = 0.0;
  var miss = 0.0;
  var cancellation_scale = 0.0;
  if (count > 0.0) {
    let k = LOG2E / temperature[0];
    let negatives = statistics[i];
    let positives = statistics[p.n + i];
    // Logits from the positives' top on: scores are subtracted first, as k times one would round away what they differ by.
    let lead = (negatives.y - positives.y) * k;
    let positives_log = poisoned(log2(positives.x), positives.x + temperature[0]);
    let row = contrast(negatives.x, lead, positives_log);
    let top = max(negatives.y, positives.y);
    let z = negatives.x * exp2((negatives.y - top) * k) + positives.x * exp2((positives.y - top) * k);
    loss = row.loss;
    factors = vec4f(fma(top, k, positives.w), 1.0 / z, fma(top, k, positives.w), 0.0);
    target_weight = row.miss;
    miss = row.miss;
    cancellation_scale = row.miss;
    let positives_mean = positives.z / positives.x; // of the logits, as the softmax weighs them
    if (negatives.x > 0.0) { slope = row.miss * (lead + (negatives.z / negatives.x - positives_mean)); }
    if (count > 1.0 && INSIDE == 0u) {
      let over = (positives.y - (mean + max(negatives.w, 0.0))) * k; // with GAP tops are from the row's origin on
      loss += (positives_log + over) * LN2;
      slope += positives_mean + over;
      factors.w = 1.0 / z;
      target_weight = 1.0 / count;
      // e_ij / Z - 1 / |P_i| is wrong by the roundings of its terms, which enter the gradient times the distance of the
      // positives: the scale is at least that, so that they do not pass for what is left.
      let apart = sqrt(max(2.0 * select(1.0 - mean, -mean, GAP == 1u), 1e-6));
      if (apart < 0.25) { cancellation_scale = max(cancellation_scale, apart * inverseSqrt(count) / temperature[0]); }
    }
    if (count > 1.0 && INSIDE == 1u) {
      loss += log(count);
      factors.z = fma(positives.y, k, positives.w);
      factors.w = -row.miss / positives.x;
      target_weight = 0.0;
    }
  }
  // Of a zero row all scores are 0, and what they seem to differ by is rounding.
  if (GAP == 1u && statistics[i].w < 0.0) { slope = 0.0; }
  results[i] = loss;
  results[p.n + i] = slope * LN2;
  row_factors[i] = factors;
  target_weights[i] = target_weight;
  misses[i] = miss;
  cancellation_scales[i] = cancellation_scale;
}
