// loss[i] = log(1 + R[i] / e_positive) from a running maximum, and slope[i] = d loss[i] / d log(1 / temperature)
// top, sum and weighted come from a row pass that skipped i and its positive. slope = sum_j p_ij (l_ij - l_positive), in
// which the positive's own term is 0, so that nothing cancels near zero.
// With GAP the pass took -(1 - s_ij) for s_ij, by differences and less what is the same for all j (see gap_scores), and so
// is the positive's taken: then the slope, too, is a sum of little differences that have their digits.
// @use grid contrast shortfall coarse
const WG: u32 = 64;
const GAP: u32 = 0; // @tune 0 1
const LOG2E: f32 = 1.4426950408889634;

struct Params { first_group: u32, end_group: u32, n: u32, row_stride4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> tops: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>; // in: sums; out: slopes (there is room for 8 buffers)
@group(0) @binding(3) var<storage, read> weighteds: array<f32>;
@group(0) @binding(4) var<storage, read> units: array<vec4f>; // [n, row_stride4]
@group(0) @binding(5) var<storage, read> temperature: array<f32>;
@group(0) @binding(6) var<storage, read_write> losses: array<f32>;
@group(0) @binding(7) var<storage, read_write> log2_z: array<f32>;
@group(0) @binding(8) var<storage, read_write> miss: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.n) { return; }
  let half = p.n / 2u;
  let j = select(i + half, i - half, i >= half);
  let k = LOG2E / temperature[0];
  var products = vec4f();
  var squares = vec4f();
  var rests = vec4f();
  var lengths = vec2f();
  for (var d = 0u; d < p.row_stride4; d++) {
    let u = units[i * p.row_stride4 + d];
    let v = units[j * p.row_stride4 + d];
    if (GAP == 1u) {
      let square = (u - v) * (u - v);
      squares += coarse(square);
      rests += square - coarse(square);
      lengths += vec2f(dot(u, u), dot(v, v));
    } else {
      products = fma(u, v, products);
    }
  }
  var positive = (products.x + products.y) + (products.z + products.w);
  var finer = 0.0; // what it lacks: of few rows the slope has what little their terms differ by
  var level = 0.0; // what the logits of the pass lack
  if (GAP == 1u) {
    positive = -0.5 * ((squares.x + squares.y) + (squares.z + squares.w));
    finer = -fma(0.5, (rests.x + rests.y) + (rests.z + rests.w), shortfall(lengths.y));
    level = k * (1.0 - shortfall(lengths.x));
  }
  positive = poisoned(positive, temperature[0]);
  let over = ((tops[i] - positive) - finer) * k; // by which the top's logit is above the positive's
  let rest = sums[i];
  let weighted = weighteds[i];
  let row = contrast(poisoned(rest, positive), over, 0.0);
  losses[i] = row.loss;
  log2_z[i] = fma(positive + finer, k, level) + row.log2_z;
  miss[i] = row.miss;
  var slope = 0.0;
  let blank = GAP == 1u && lengths.x == 0.0; // a zero row: all its scores are 0, but for rounding
  if (rest > 0.0 && !blank) { slope = row.miss * (over + weighted / rest) * LN2; }
  sums[i] = slope;
}
