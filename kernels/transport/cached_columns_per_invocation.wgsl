// w_i = w_i / ratio_i^step, ratio_i = w_i mean_j u_j 2^(scale t_ji), for the columns i of scores or powers that are cached
// As cached_columns, for software adapters, where loads of one number and powers are dear: a lane has columns of its own, in fours.
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
@group(0) @binding(3) var<storage, read> w: array<f32>; // (e, r) of the rows, then the plain factors
@group(0) @binding(4) var<storage, read> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> u: array<f32>; // of the columns, likewise
@group(0) @binding(6) var<storage, read_write> excess: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG * EACH + lane;
  if (group >= p.end_group || 4u * k >= p.columns || state[STOPPED] != 0.0) { return; }
  var total: array<vec4f, EACH>;
  if (form[FORM] == POWERS) {
    let factors = plain_at(p.rows);
    for (var first = 0u; first < p.rows; first += BLOCK) {
      var some = array<vec4f, EACH>(); // with a value: one without was not cleared in every iteration
      for (var n = first; n < min(first + BLOCK, p.rows); n++) {
        let factor = vec4f(w[factors + n]);
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
  if (form[FORM] == LESS_1) {
    for (var first = 0u; first < p.rows; first += BLOCK) {
      var some = array<vec4f, EACH>();
      for (var n = first; n < min(first + BLOCK, p.rows); n++) {
        let rest = vec4f(w[2u * n + 1u]);
        // @unroll
        for (var c = 0u; c < EACH; c++) {
          some[c] += fma(1.0 + rest, scores[n * p.stride4 + min(k + c * WG, p.stride4 - 1u)], rest);
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
    let wide = form[FORM] == WIDE;
    if (wide) { sum = sums_of_logits(k + c * WG); }
    for (var q = 0u; q < 4u; q++) {
      let column = 4u * (k + c * WG) + q;
      if (column < p.columns) {
        let before = vec2f(u[2u * column], u[2u * column + 1u]);
        let top = select(before.x, sum.top[q], wide); // plain sums leave out the column's own factor
        let own = scaled(before, top, sum.total[q], p.rows);
        excess[column] = own.excess;
        u[2u * column] = own.u.x;
        u[2u * column + 1u] = own.u.y;
        if (!wide) { u[plain_at(p.columns) + column] = plain(own.u); }
      }
    }
  }
}

struct Sums { top: vec4f, total: vec4f }

// Of four columns at a time, each with a top of its own; two rows share a rescaling.
fn sums_of_logits(k: u32) -> Sums {
  let own = vec4f(u[8u * k], u[8u * k + 2u], u[8u * k + 4u], u[8u * k + 6u]);
  var all = Sums(vec4f(FLOOR), vec4f());
  for (var first = 0u; first < p.rows; first += BLOCK) {
    var top = all.top;
    var total = vec4f();
    for (var n = first; n < min(first + BLOCK, p.rows); n += 2u) {
      let clamped = min(n + 1u, p.rows - 1u);
      let s = scores[n * p.stride4 + k];
      let t = scores[clamped * p.stride4 + k];
      let a = vec2f(w[2u * n], w[2u * n + 1u]);
      let b = vec2f(w[2u * clamped], w[2u * clamped + 1u]);
      let first_of = logits(s, own + vec4f(a.x));
      let second_of = logits(t, own + vec4f(b.x));
      let higher = max(top, ceil(max(first_of, second_of)));
      let before = below(first_of, s, own + vec4f(a.x), higher);
      let next = below(second_of, t, own + vec4f(b.x), higher);
      let one = (1.0 + a.y) * exp2(select(before, vec4f(1.0), before > vec4f(1.0))); // min would hide a NaN
      let two = (1.0 + b.y) * exp2(select(next, vec4f(1.0), next > vec4f(1.0)));
      let both = one + select(two, vec4f(), vec4<bool>(n + 1u >= p.rows));
      total = select(total * exp2(top - higher), total, top == higher) + both;
      top = higher;
    }
    all = Sums(top, select(all.total * exp2(all.top - top), all.total, all.top == top) + total);
  }
  return all;
}
