// u_j = u_j / ratio_j^step, ratio_j = u_j mean_i w_i 2^(scale t_ji), for the rows j of scores that are kept
// As scaling_pass and scaling_update in one, by LANES lanes a row.
// @use grid rows scaling_sum scaling_step
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, stride: u32, scale: f32, rest: f32, step: f32, kappa: f32, damping: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>; // t, [rows, stride]
@group(0) @binding(2) var<storage, read> w: array<vec2f>; // (e, v) of the columns
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
  var sum = vec2f(FLOOR, 0.0);
  for (var k = lane % LANES; k < p.columns; k += 4u * LANES) {
    let at = vec4u(k, k + LANES, k + 2u * LANES, k + 3u * LANES);
    let near = min(at, vec4u(p.columns - 1u));
    let s = vec4f(scores[start + near.x], scores[start + near.y], scores[start + near.z], scores[start + near.w]);
    let a = w[near.x];
    let b = w[near.y];
    let c = w[near.z];
    let d = w[near.w];
    sum = added(sum, s, vec4f(own) + vec4f(a.x, b.x, c.x, d.x), vec4f(a.y, b.y, c.y, d.y), at >= vec4u(p.columns));
  }
  let top = row_max(lane, sum.x);
  let total = row_sum(lane, rescaled(sum.y, sum.x, top));
  if (row < p.rows && lane % LANES == 0u) { scale_own(row, top, total, p.columns); }
}
