// w_i = w_i / ratio_i^step, ratio_i = w_i mean_j u_j 2^(scale t_ji), for the columns i of scores that are cached
// As scaling_pass and scaling_update in one. Neighbouring lanes read neighbours; PARTS of them share a column.
// @use grid scaling_sum scaling_step powers_less_1
const ACROSS: u32 = 16;
const PARTS: u32 = 16;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, stride: u32, scale: f32, rest: f32, step: f32, kappa: f32, damping: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>; // t, [rows, stride]
@group(0) @binding(2) var<storage, read> w: array<vec2f>; // (e, r) of the rows
@group(0) @binding(3) var<storage, read> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> u: array<vec2f>; // of the columns
@group(0) @binding(5) var<storage, read_write> excess: array<f32>;

var<workgroup> parts: array<vec2f, ACROSS * PARTS>;

@compute @workgroup_size(ACROSS, PARTS)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group || state[STOPPED] != 0.0) { return; }
  let column = group * ACROSS + local.x;
  let safe = min(column, p.columns - 1u);
  let own = u[safe].x;
  let small = state[SMALL_COSTS] != 0.0;
  var sum = vec2f(select(FLOOR, 0.0, small), 0.0);
  for (var first = local.y; first < p.rows; first += 4u * SUMMED * PARTS) {
    var some = vec2f(sum.x, 0.0);
    for (var n = first; n < min(first + 4u * SUMMED * PARTS, p.rows); n += 4u * PARTS) {
      let at = vec4u(n, n + PARTS, n + 2u * PARTS, n + 3u * PARTS);
      let safe_at = min(at, vec4u(p.rows - 1u));
      let to = safe_at * p.stride + vec4u(safe);
      let s = vec4f(scores[to.x], scores[to.y], scores[to.z], scores[to.w]);
      let a = w[safe_at.x];
      let b = w[safe_at.y];
      let c = w[safe_at.z];
      let d = w[safe_at.w];
      let r = vec4f(a.y, b.y, c.y, d.y);
      let outside = at >= vec4u(p.rows);
      if (small) {
        let more = select(less_1(logits(s, vec4f()), r), vec4f(), outside);
        some.y += (more.x + more.y) + (more.z + more.w);
      } else {
        some = added(some, s, vec4f(own) + vec4f(a.x, b.x, c.x, d.x), r, outside);
      }
    }
    sum = joined(sum, some);
  }
  parts[local.y * ACROSS + local.x] = sum;
  workgroupBarrier();
  for (var i = 0u; i < PARTS; i++) { // in this order for every lane, so that it is the same one
    let more = parts[i * ACROSS + local.x];
    if (i == 0u) {
      sum = more;
    } else {
      sum = joined(sum, more);
    }
  }
  if (local.y == 0u && column < p.columns) {
    let after = scaled(u[column], sum.x, sum.y, p.rows);
    excess[column] = after.excess;
    u[column] = after.u;
  }
}
