// E_nk = 2^(scale s_nk) for every row n, w_k = 1 / mean_n E_nk, and WIDE where a score is too far from 0 for such powers
// Four columns a lane. Sums of 64 rows are added up: a single one would gather the roundings of all rows.
// @use grid scaling_logits narrow
const WG: u32 = 16;

struct Params { first_group: u32, end_group: u32, rows: u32, columns4: u32, scale: f32, rest: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<vec4f>; // [rows, columns4]
@group(0) @binding(2) var<storage, read_write> powers: array<vec4f>; // [rows, columns4]
@group(0) @binding(3) var<storage, read_write> w: array<vec4f>; // (0, v) of two columns each
@group(0) @binding(4) var<storage, read_write> form: array<atomic<u32>>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.columns4) { return; }
  var sum = vec4f();
  var far = vec4f();
  for (var first = 0u; first < p.rows; first += 64u) {
    var some = vec4f();
    for (var n = first; n < min(first + 64u, p.rows); n++) {
      let l = logits(scores[n * p.columns4 + k], vec4f());
      let power = exp2(l);
      powers[n * p.columns4 + k] = power;
      far = max(far, abs(l));
      some += power;
    }
    sum += some;
  }
  let factors = vec4f(f32(p.rows)) / sum;
  w[2u * k] = vec4f(0.0, factors.x, 0.0, factors.y);
  w[2u * k + 1u] = vec4f(0.0, factors.z, 0.0, factors.w);
  if (any(far > vec4f(RANGE))) { atomicOr(&form[WIDE], 1u); }
}
