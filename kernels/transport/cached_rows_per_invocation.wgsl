// u_j = u_j / ratio_j^step, ratio_j = u_j mean_i w_i 2^(scale t_ji), for the rows j of scores or powers that are cached
// As cached_rows, for software adapters: a lane has rows, and reads them in fours.
// @use grid scaling_sum scaling_step narrow
const WG: u32 = 8;
const EACH: u32 = 4; // rows of a lane, WG apart: a load of w serves them all
const BLOCK: u32 = 64; // vec4s whose sum is added up: a single sum would gather the roundings of the whole row

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, stride4: u32, scale: f32, rest: f32, step: f32, kappa: f32, damping: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<vec4f>; // t, or K, [rows, stride4]
@group(0) @binding(2) var<storage, read> form: array<u32>;
@group(0) @binding(3) var<storage, read> w: array<vec4f>; // (e, r) of two columns each, then the plain factors of four
@group(0) @binding(4) var<storage, read> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> u: array<f32>; // (e, r) of the rows, then the plain factors
@group(0) @binding(6) var<storage, read_write> excess: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let first_row = group * WG * EACH + lane;
  if (group >= p.end_group || first_row >= p.rows || state[STOPPED] != 0.0) { return; }
  let count = (p.columns + 3u) / 4u;
  var sums: array<vec4f, EACH>;
  if (form[FORM] == POWERS) {
    for (var first = 0u; first < count; first += BLOCK) {
      var some = array<vec4f, EACH>(); // with a value: one without was not cleared in every iteration
      for (var k = first; k < min(first + BLOCK, count); k++) {
        let factors = w[2u * count + k];
        // @unroll
        for (var r = 0u; r < EACH; r++) {
          some[r] = fma(factors, scores[min(first_row + r * WG, p.rows - 1u) * p.stride4 + k], some[r]);
        }
      }
      // @unroll
      for (var r = 0u; r < EACH; r++) {
        sums[r] += some[r];
      }
    }
  }
  if (form[FORM] == LESS_1) {
    for (var first = 0u; first < count; first += BLOCK) {
      var some = array<vec4f, EACH>();
      for (var k = first; k < min(first + BLOCK, count); k++) {
        let one = w[2u * k];
        let two = w[2u * k + 1u];
        let rests = vec4f(one.y, one.w, two.y, two.w);
        // @unroll
        for (var r = 0u; r < EACH; r++) {
          some[r] += fma(1.0 + rests, scores[min(first_row + r * WG, p.rows - 1u) * p.stride4 + k], rests);
        }
      }
      // @unroll
      for (var r = 0u; r < EACH; r++) {
        sums[r] += some[r];
      }
    }
  }
  for (var r = 0u; r < EACH; r++) {
    let row = first_row + r * WG;
    if (row >= p.rows) { break; }
    let before = vec2f(u[2u * row], u[2u * row + 1u]);
    var sum = vec2f(before.x, (sums[r].x + sums[r].y) + (sums[r].z + sums[r].w)); // plain sums leave out the row's own factor
    if (form[FORM] == WIDE) { sum = sum_of_logits(row, count); }
    let own = scaled(before, sum.x, sum.y, p.columns);
    excess[row] = own.excess;
    u[2u * row] = own.u.x;
    u[2u * row + 1u] = own.u.y;
    if (form[FORM] != WIDE) { u[plain_at(p.rows) + row] = plain(own.u); }
  }
}

fn sum_of_logits(row: u32, count: u32) -> vec2f {
  let start = row * p.stride4;
  let own = u[2u * row];
  var sum = vec2f(FLOOR, 0.0);
  for (var first = 0u; first < count; first += SUMMED) {
    var some = vec2f(FLOOR, 0.0);
    for (var k = first; k < min(first + SUMMED, count); k++) {
      let one = w[2u * k];
      let two = w[2u * k + 1u];
      let outside = vec4u(4u * k) + vec4u(0u, 1u, 2u, 3u) >= vec4u(p.columns);
      some = added(some, scores[start + k], vec4f(own) + vec4f(one.x, one.z, two.x, two.z),
                   vec4f(one.y, one.w, two.y, two.w), outside);
    }
    sum = joined(sum, some);
  }
  return sum;
}
