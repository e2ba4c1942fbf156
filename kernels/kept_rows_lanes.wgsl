// u_j = u_j / ratio_j^step, ratio_j = u_j mean_i w_i 2^(scale t_ji), for the rows j of scores or powers that are kept
// As kept_rows, for software adapters: a lane has a row, and reads it in fours.
// @use grid scaling_sum scaling_step narrow
const WG: u32 = 16;
const BLOCK: u32 = 64; // vec4s whose sum is added up: a single sum would gather the roundings of the whole row

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, stride4: u32, scale: f32, rest: f32, step: f32, kappa: f32, damping: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<vec4f>; // t, or K, [rows, stride4]
@group(0) @binding(2) var<storage, read> form: array<u32>;
@group(0) @binding(3) var<storage, read> w: array<vec4f>; // (e, v) of two columns each; of powers e = 0
@group(0) @binding(4) var<storage, read> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> u: array<vec2f>; // of the rows
@group(0) @binding(6) var<storage, read_write> excess: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let row = group * WG + lane;
  if (group >= p.end_group || row >= p.rows || state[STOPPED] != 0.0) { return; }
  let start = row * p.stride4;
  let count = (p.columns + 3u) / 4u;
  if (form[WIDE] == 0u) {
    var sums = vec4f();
    for (var first = 0u; first < count; first += BLOCK) {
      var some = vec4f();
      for (var k = first; k < min(first + BLOCK, count); k++) {
        let one = w[2u * k];
        let two = w[2u * k + 1u];
        some = fma(vec4f(one.y, one.w, two.y, two.w), scores[start + k], some);
      }
      sums += some;
    }
    scale_own(row, 0.0, (sums.x + sums.y) + (sums.z + sums.w), p.columns);
    u[row] = plain(u[row]);
    return;
  }
  let own = u[row].x;
  var sum = vec2f(FLOOR, 0.0);
  for (var k = 0u; k < count; k++) {
    let one = w[2u * k];
    let two = w[2u * k + 1u];
    let outside = vec4u(4u * k) + vec4u(0u, 1u, 2u, 3u) >= vec4u(p.columns);
    sum = added(sum, scores[start + k], vec4f(own) + vec4f(one.x, one.z, two.x, two.z),
                vec4f(one.y, one.w, two.y, two.w), outside);
  }
  scale_own(row, sum.x, sum.y, p.columns);
}
