// w_i = w_i / ratio_i^step, ratio_i = w_i mean_j u_j 2^(scale t_ji), for the columns i of scores or powers that are kept
// As kept_columns, for software adapters, where loads of one number and powers are dear: a lane has columns of its own, in fours.
// @use grid scaling_sum scaling_step narrow
const WG: u32 = 8;
const EACH: u32 = 4; // vec4s of a lane, WG apart: a load of w serves them all, and half a kilobyte of a row is read at once
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
  let k = group * WG * EACH + lane;
  if (group >= p.end_group || 4u * k >= p.columns || state[STOPPED] != 0.0) { return; }
  let powers = form[WIDE] == 0u;
  var total: array<vec4f, EACH>;
  if (powers) {
    for (var first = 0u; first < p.rows; first += BLOCK) {
      var some = array<vec4f, EACH>(); // with a value: one without was not cleared in every turn
      for (var n = first; n < min(first + BLOCK, p.rows); n++) {
        let factor = vec4f(w[n].y);
        // @unroll
        for (var c = 0u; c < EACH; c++) {
          some[c] = fma(factor, scores[n * p.stride4 + min(k + c * WG, p.stride4 - 1u)], some[c]);
        }
      }
      // @unroll
      for (var c = 0u; c < EACH; c++) {
        total[c] += some[c];
      }
    }
  }
  for (var c = 0u; c < EACH; c++) {
    if (4u * (k + c * WG) >= p.columns) { break; }
    var sum = Sums(vec4f(), total[c]);
    if (!powers) { sum = sums_of_logits(k + c * WG); }
    for (var q = 0u; q < 4u; q++) {
      let column = 4u * (k + c * WG) + q;
      if (column < p.columns) {
        scale_own(column, sum.top[q], sum.total[q], p.rows);
        if (powers) { u[column] = plain(u[column]); }
      }
    }
  }
}

struct Sums { top: vec4f, total: vec4f }

// Of four columns at a time, each with a top of its own; two rows share a rescaling.
fn sums_of_logits(k: u32) -> Sums {
  let own = vec4f(u[4u * k].x, u[4u * k + 1u].x, u[4u * k + 2u].x, u[4u * k + 3u].x);
  var top = vec4f(FLOOR);
  var total = vec4f();
  for (var n = 0u; n < p.rows; n += 2u) {
    let near = min(n + 1u, p.rows - 1u);
    let s = scores[n * p.stride4 + k];
    let t = scores[near * p.stride4 + k];
    let a = w[n];
    let b = w[near];
    let higher = max(top, ceil(max(logits(s, own + vec4f(a.x)), logits(t, own + vec4f(b.x)))));
    let first = logits(s, own + vec4f(a.x) - higher);
    let second = logits(t, own + vec4f(b.x) - higher);
    let one = a.y * exp2(select(first, vec4f(1.0), first > vec4f(1.0))); // min would hide a NaN
    let two = b.y * exp2(select(second, vec4f(1.0), second > vec4f(1.0)));
    let both = one + select(two, vec4f(), vec4<bool>(n + 1u >= p.rows));
    total = select(total * exp2(top - higher), total, top == higher) + both;
    top = higher;
  }
  return Sums(top, total);
}
