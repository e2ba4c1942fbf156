// u_j = u_j / ratio_j^step, ratio_j = u_j mean_i w_i 2^(scale t_ji), for the rows j of scores that are cached
// As scaling_pass and scaling_update in one, by LANES lanes a row.
// @use grid rows scaling_sum scaling_step powers_less_1
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, stride: u32, scale: f32, rest: f32, step: f32, kappa: f32, damping: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>; // t, [rows, stride]
@group(0) @binding(2) var<storage, read> w: array<vec2f>; // (e, r) of the columns
@group(0) @binding(3) var<storage, read> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> u: array<vec2f>; // of the rows
@group(0) @binding(5) var<storage, read_write> excess: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group || state[STOPPED] != 0.0) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let safe = min(row, p.rows - 1u);
  let start = safe * p.stride;
  let own = u[safe].x;
  let small = state[SMALL_COSTS] != 0.0;
  var sum = vec2f(select(FLOOR, 0.0, small), 0.0);
  for (var first = lane % LANES; first < p.columns; first += 4u * SUMMED * LANES) {
    var some = vec2f(sum.x, 0.0);
    for (var k = first; k < min(first + 4u * SUMMED * LANES, p.columns); k += 4u * LANES) {
      let at = vec4u(k, k + LANES, k + 2u * LANES, k + 3u * LANES);
      let safe_at = min(at, vec4u(p.columns - 1u));
      let to = start + safe_at;
      let s = vec4f(scores[to.x], scores[to.y], scores[to.z], scores[to.w]);
      let a = w[safe_at.x];
      let b = w[safe_at.y];
      let c = w[safe_at.z];
      let d = w[safe_at.w];
      let r = vec4f(a.y, b.y, c.y, d.y);
      let outside = at >= vec4u(p.columns);
      if (small) {
        let more = select(less_1(logits(s, vec4f()), r), vec4f(), outside);
        some.y += (more.x + more.y) + (more.z + more.w);
      } else {
        some = added(some, s, vec4f(own) + vec4f(a.x, b.x, c.x, d.x), r, outside);
      }
    }
    sum = joined(sum, some);
  }
  let top = row_max(lane, sum.x);
  let total = row_sum(lane, rescaled(sum.y, sum.x, top));
  if (row < p.rows && lane % LANES == 0u) {
    let after = scaled(u[row], top, total, p.columns);
    excess[row] = after.excess;
    u[row] = after.u;
  }
}
