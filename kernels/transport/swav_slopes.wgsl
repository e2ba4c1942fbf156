// loss[n] = |A| log Z[n] - sum_k t_nk s_nk / tau and, in place of the scores s, their slopes |A| P_nk - t_nk
// P = softmax(s / tau); t: the codes of the |A| sources, added up. A row is read three times: for its top, for powers that
// take the place of the scores, and for the slopes. Logits count from the top, so that none is above 0.
// @use grid rows scaling_logits
const SOURCES: u32 = 1; // @tune 1 2
const LN2: f32 = 0.6931471805599453;
const FLOOR: f32 = -1e30;
const BLOCK: u32 = 64; // vec4s whose sum is added up: a single sum would gather the roundings of the whole row

struct Params { first_group: u32, end_group: u32, rows: u32, columns4: u32, first_row: u32, scale: f32, rest: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> codes0: array<vec4f>; // [rows, columns4]
@group(0) @binding(2) var<storage, read> codes1: array<vec4f>; // [rows, columns4], of two sources
@group(0) @binding(3) var<storage, read_write> scores: array<vec4f>; // [rows, columns4], then the slopes
@group(0) @binding(4) var<storage, read_write> losses: array<f32>; // from p.first_row on

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let start = row * p.columns4;
  let count = select(0u, p.columns4, row < p.rows); // lanes past the last row wait with the others, and touch nothing
  var tops = vec4f(FLOOR);
  for (var k = lane % LANES; k < count; k += LANES) { tops = max(tops, scores[start + k]); }
  let top = row_max(lane, max(max(tops.x, tops.y), max(tops.z, tops.w)));
  var powers = vec4f();
  var aims = vec4f();
  for (var first = lane % LANES; first < count; first += BLOCK * LANES) {
    var some = vec4f();
    var aim = vec4f();
    for (var k = first; k < min(first + BLOCK * LANES, count); k += LANES) {
      let l = logits(scores[start + k] - top, vec4f());
      let power = exp2(l);
      scores[start + k] = power;
      some += power;
      var code = codes0[start + k];
      if (SOURCES == 2u) { code += codes1[start + k]; }
      aim = fma(code, l, aim);
    }
    powers += some;
    aims += aim;
  }
  let sum = row_sum(lane, (powers.x + powers.y) + (powers.z + powers.w));
  let aimed = row_sum(lane, (aims.x + aims.y) + (aims.z + aims.w));
  if (row < p.rows && lane % LANES == 0u) { losses[p.first_row + row] = LN2 * (f32(SOURCES) * log2(sum) - aimed); }
  let factor = f32(SOURCES) / sum;
  for (var k = lane % LANES; k < count; k += LANES) {
    var code = codes0[start + k];
    if (SOURCES == 2u) { code += codes1[start + k]; }
    scores[start + k] = factor * scores[start + k] - code;
  }
}
