// w_i = w_i / ratio_i^step, ratio_i = w_i mean_j u_j 2^(scale t_ji), for the columns i of scores or powers that are kept
// As kept_columns, for software adapters, where loads of one number and powers are dear: a lane has four columns.
// @use grid scaling_sum scaling_step narrow
const WG: u32 = 16;
const BLOCK: u32 = 64; // rows whose sum is added up: a single sum would gather the roundings of all rows

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, stride4: u32, scale: f32, rest: f32, step: f32, kappa: f32, damping: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<vec4f>; // t, or K, [rows, stride4]
@group(0) @binding(2) var<storage, read> form: array<u32>;
@group(0) @binding(3) var<storage, read> w: array<vec2f>; // (e, v) of the rows; of powers e = 0
@group(0) @binding(4) var<storage, read> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> u: array<vec2f>; // of the columns
@group(0) @binding(6) var<storage, read_write> excess: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || 4u * k >= p.columns || state[STOPPED] != 0.0) { return; }
  let powers = form[WIDE] == 0u;
  var top = vec4f();
  var total = vec4f();
  if (powers) {
    for (var first = 0u; first < p.rows; first += BLOCK) {
      var some = vec4f();
      for (var n = first; n < min(first + BLOCK, p.rows); n++) {
        some = fma(vec4f(w[n].y), scores[n * p.stride4 + k], some);
      }
      total += some;
    }
  } else {
    let own = vec4f(u[4u * k].x, u[4u * k + 1u].x, u[4u * k + 2u].x, u[4u * k + 3u].x);
    top = vec4f(FLOOR);
    for (var n = 0u; n < p.rows; n += 2u) {
      let near = min(n + 1u, p.rows - 1u);
      let s = scores[n * p.stride4 + k];
      let t = scores[near * p.stride4 + k];
      let a = w[n];
      let b = w[near];
      let outside = vec4<bool>(n + 1u >= p.rows);
      let higher = max(top, ceil(max(logits(s, own + vec4f(a.x)), logits(t, own + vec4f(b.x)))));
      let one = a.y * exp2(min(logits(s, own + vec4f(a.x) - higher), vec4f(1.0)));
      let two = select(b.y * exp2(min(logits(t, own + vec4f(b.x) - higher), vec4f(1.0))), vec4f(), outside);
      total = select(total * exp2(top - higher), total, top == higher) + (one + two);
      top = higher;
    }
  }
  for (var q = 0u; q < 4u; q++) {
    let column = 4u * k + q;
    if (column < p.columns) {
      scale_own(column, top[q], total[q], p.rows);
      if (powers) { u[column] = plain(u[column]); }
    }
  }
}
