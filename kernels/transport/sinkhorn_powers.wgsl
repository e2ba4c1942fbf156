// E_nk = 2^(scale s_nk) for every row n, w_k = 1 / mean_n E_nk, and WIDE where a score is too far from 0 for such powers
// EACH vec4s of columns a lane. Sums of 64 rows are added up: a single one would gather the roundings of all rows.
// @use grid finite scaling scaling_logits narrow
const WG: u32 = 8;
const EACH: u32 = 4; // WG apart: together half a kilobyte of a row, next to each other

struct Params { first_group: u32, end_group: u32, rows: u32, columns4: u32, scale: f32, rest: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<vec4f>; // [rows, columns4]
@group(0) @binding(2) var<storage, read_write> powers: array<vec4f>; // [rows, columns4]
@group(0) @binding(3) var<storage, read_write> w: array<vec4f>; // (e, r) of two columns each, then the plain factors of four
@group(0) @binding(4) var<storage, read_write> form: array<atomic<u32>>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG * EACH + lane;
  if (group >= p.end_group || k >= p.columns4) { return; }
  var sum: array<vec4f, EACH>;
  var far = vec4f();
  for (var first = 0u; first < p.rows; first += 64u) {
    var some = array<vec4f, EACH>(); // with a value: one without was not cleared in every iteration
    for (var n = first; n < min(first + 64u, p.rows); n++) {
      // @unroll
      for (var c = 0u; c < EACH; c++) {
        if (k + c * WG < p.columns4) {
          let at = n * p.columns4 + k + c * WG;
          let l = logits(scores[at], vec4f());
          let power = exp2(l);
          powers[at] = power;
          far = max(far, abs(l));
          some[c] += power;
        }
      }
    }
    // @unroll
    for (var c = 0u; c < EACH; c++) {
      sum[c] += some[c];
    }
  }
  for (var c = 0u; c < EACH; c++) {
    let to = k + c * WG;
    if (to >= p.columns4) { break; }
    let factors = vec4f(f32(p.rows)) / sum[c];
    w[2u * to] = vec4f(start(factors.x), start(factors.y));
    w[2u * to + 1u] = vec4f(start(factors.z), start(factors.w));
    w[2u * p.columns4 + to] = factors;
  }
  if (any(far > vec4f(RANGE))) { atomicOr(&form[FORM], WIDE); }
}

// Where powers do not serve, their sum may be 0 or Infinity: the first factors are then 1, and come from the scores.
fn start(factor: f32) -> vec2f { return scaling(0.0, select(factor, 1.0, not_finite(factor))); }
