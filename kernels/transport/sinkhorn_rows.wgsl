// u_n = 1 / mean_k w_k 2^(scale s_nk) and, in the last iteration, codes Q_nk = u_n w_k 2^(scale s_nk) / K
// One row is read, reduced and, at the end, written where it stands, by LANES lanes.
// @use grid rows scaling_sum
const LAST: u32 = 0; // @tune 0 1

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, scale: f32, rest: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> w: array<vec2f>; // (e, r) of the columns
@group(0) @binding(3) var<storage, read_write> u: array<vec2f>; // of the rows
@group(0) @binding(4) var<storage, read_write> codes: array<f32>; // [rows, columns] in the last iteration

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let safe = min(row, p.rows - 1u);
  let start = safe * p.columns;
  let own = u[safe].x;
  var sum = vec2f(FLOOR, 0.0);
  for (var first = lane % LANES; first < p.columns; first += 4u * SUMMED * LANES) {
    var some = vec2f(FLOOR, 0.0);
    for (var k = first; k < min(first + 4u * SUMMED * LANES, p.columns); k += 4u * LANES) {
      let at = vec4u(k, k + LANES, k + 2u * LANES, k + 3u * LANES);
      let clamped = min(at, vec4u(p.columns - 1u));
      let s = vec4f(scores[start + clamped.x], scores[start + clamped.y], scores[start + clamped.z], scores[start + clamped.w]);
      let a = w[clamped.x];
      let b = w[clamped.y];
      let c = w[clamped.z];
      let d = w[clamped.w];
      some = added(some, s, vec4f(own) + vec4f(a.x, b.x, c.x, d.x), vec4f(a.y, b.y, c.y, d.y), at >= vec4u(p.columns));
    }
    sum = joined(sum, some);
  }
  let top = row_max(lane, sum.x);
  let total = row_sum(lane, rescaled(sum.y, sum.x, top));
  if (row >= p.rows) { return; }
  if (LAST == 0u) {
    if (lane % LANES == 0u) { u[row] = scaling(own - top, f32(p.columns) / total); }
    return;
  }
  for (var k = lane % LANES; k < p.columns; k += LANES) {
    let other = w[k];
    let l = logits(vec4f(scores[start + k]), vec4f(own + other.x - top)).x;
    codes[start + k] = (1.0 + other.y) * exp2(select(l, 1.0, l > 1.0)) / total; // min would hide a NaN
  }
}
