// u_n = 1 / mean_k w_k 2^(scale s_nk), p_nk = u_n w_k 2^(scale s_nk), and its sum over a workgroup's rows n or, at the end, / K
// A workgroup holds a row in registers: its sum, its factor, and what it adds to its columns come from one read.
// Right after the columns' update a row whose own marginal was right has an entry of at least 1 / K, and none is above N:
// plain sums have the range for that. Only the first iteration looks for the row's largest entry.
// @use grid scaling scaling_logits
const SIDE: u32 = 16; // @tune 4 8 16
const QUADS: u32 = 2; // @tune 1 2 4 6 8
const FIRST: u32 = 0; // @tune 0 1
const LAST: u32 = 0; // @tune 0 1
const WG: u32 = SIDE * SIDE;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, rows_each: u32, out_row: u32, scale: f32, rest: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> w: array<vec2f>; // (e, r) of the columns
@group(0) @binding(3) var<storage, read_write> u: array<vec2f>; // of the rows
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // sums [workgroups of all launches, columns], or codes

var<workgroup> each_lane: array<f32, WG>;
var<workgroup> each_side: array<f32, SIDE>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  var e: array<vec4f, QUADS>;
  var v: array<vec4f, QUADS>;
  var q: array<vec4f, QUADS>;
  var down: array<vec4f, QUADS>;
  // @unroll
  for (var c = 0u; c < QUADS; c++) {
    let k = columns_of(lane, c);
    let clamped = min(k, vec4u(p.columns - 1u));
    let one = w[clamped.x];
    let two = w[clamped.y];
    let three = w[clamped.z];
    let four = w[clamped.w];
    e[c] = select(vec4f(one.x, two.x, three.x, four.x), vec4f(FLOOR), k >= vec4u(p.columns));
    v[c] = 1.0 + vec4f(one.y, two.y, three.y, four.y);
    down[c] = vec4f();
  }
  let end = min((group + 1u) * p.rows_each, p.rows);
  for (var row = group * p.rows_each; row < end; row++) {
    var own = u[row].x;
    // @unroll
    for (var c = 0u; c < QUADS; c++) {
      let at = vec4u(row * p.columns) + min(columns_of(lane, c), vec4u(p.columns - 1u));
      q[c] = vec4f(scores[at.x], scores[at.y], scores[at.z], scores[at.w]);
    }
    if (FIRST == 1u) {
      var high = vec4f(FLOOR);
      // @unroll
      for (var c = 0u; c < QUADS; c++) {
        high = max(high, logits(q[c], e[c] + vec4f(own)));
      }
      own -= ceil(across_max(lane, max(max(high.x, high.y), max(high.z, high.w))));
    }
    var sum = vec4f();
    // @unroll
    for (var c = 0u; c < QUADS; c++) {
      q[c] = v[c] * exp2(logits(q[c], e[c] + vec4f(own)));
      sum += q[c];
    }
    let total = across_sum(lane, (sum.x + sum.y) + (sum.z + sum.w));
    if (LAST == 1u) {
      keep(row, lane, &q, 1.0 / total);
    } else {
      let share = f32(p.columns) / total;
      if (lane == 0u) { u[row] = scaling(own, share); }
      // @unroll
      for (var c = 0u; c < QUADS; c++) {
        down[c] = fma(q[c], vec4f(share), down[c]);
      }
    }
  }
  if (LAST == 0u) { keep(p.out_row + group, lane, &down, 1.0); }
}

// Lanes next to each other read neighbours.
fn columns_of(lane: u32, c: u32) -> vec4u {
  return vec4u(lane + 4u * c * WG) + vec4u(0u, WG, 2u * WG, 3u * WG);
}

// By a loop over a copy, as store_product: lavapipe took a minute to compile the stores with their conditions unrolled.
fn keep(row: u32, lane: u32, values: ptr<function, array<vec4f, QUADS>>, share: f32) {
  var copy: array<vec4f, QUADS>;
  // @unroll
  for (var c = 0u; c < QUADS; c++) {
    copy[c] = share * (*values)[c];
  }
  for (var i = 0u; i < 4u * QUADS; i++) {
    let k = lane + i * WG;
    if (k < p.columns) { out[row * p.columns + k] = copy[i / 4u][i % 4u]; }
  }
}

// Two barriers: a lane may write its next value only when all have passed the second, so none reads it too late.
fn across_sum(lane: u32, value: f32) -> f32 {
  each_lane[lane] = value;
  workgroupBarrier();
  if (lane < SIDE) {
    var some = 0.0;
    for (var i = 0u; i < SIDE; i++) { some += each_lane[lane * SIDE + i]; }
    each_side[lane] = some;
  }
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < SIDE; i++) { total += each_side[i]; }
  return total;
}

fn across_max(lane: u32, value: f32) -> f32 {
  each_lane[lane] = value;
  workgroupBarrier();
  if (lane < SIDE) {
    var some = FLOOR;
    for (var i = 0u; i < SIDE; i++) { some = max(some, each_lane[lane * SIDE + i]); }
    each_side[lane] = some;
  }
  workgroupBarrier();
  var top = FLOOR;
  for (var i = 0u; i < SIDE; i++) { top = max(top, each_side[i]); }
  return top;
}
