// loss[i] = log(1 + R[i] / e_positive) from a running maximum, and slope[i] = d loss[i] / d log(1 / temperature)
// top, sum and weighted come from a row pass that skipped i and its positive. slope = sum_j p_ij (l_ij - l_positive), in
// which the positive's own term is 0, so that nothing cancels near zero.
// With GAP the pass took -(1 - s_ij) for s_ij, by differences and less what is the same for all j (see gap_scores), and so
// is the positive's taken: then the slope, too, is a sum of little differences that have their digits.
// @use grid contrast fine_shortfall coarse
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
  var lengths = mat2x4f(); // |u|^2, |v|^2
  var lengths_rest = mat2x4f();
  for (var d = 0u; d < p.row_stride4; d++) {
    let u = units[i * p.row_stride4 + d];
    let v = units[j * p.row_stride4 + d];
    if (GAP == 1u) {
      let square = (u - v) * (u - v);
      squares += coarse(square);
      rests += square - coarse(square);
      lengths += mat2x4f(coarse(u * u), coarse(v * v));
      lengths_rest += mat2x4f(u * u - coarse(u * u), v * v - coarse(v * v));
    } else {
      products = fma(u, v, products);
    }
  }
  var positive = (products.x + products.y) + (products.z + products.w);
  var level = 0.0; // what the logits of the pass lack
  var blank = false; // a zero row: all its scores are 0, but for rounding
  if (GAP == 1u) {
    // From the origin on, see shortfalls, which is all of `squares`.
    let ones = vec4f(1.0);
    let half_origin = 0.5 * dot(squares, ones);
    let length = vec2f(dot(lengths[0], ones), dot(lengths[1], ones));
    let length_rest = vec2f(dot(lengths_rest[0], ones), dot(lengths_rest[1], ones));
    let short = fine_shortfall(length.y, length_rest.y, false);
    let trim = select(0.0, fine_shortfall(length.y, length_rest.y, true), short == 0.0);
    positive = -fma(0.5, dot(rests, ones), fma(trim, half_origin, short));
    level = k * (1.0 - fine_shortfall(length.x, length_rest.x, false) - half_origin);
    blank = length.x + length_rest.x == 0.0;
  }
  positive = poisoned(positive, temperature[0]);
  let over = (tops[i] - positive) * k; // by which the top's logit is above the positive's
  let rest = sums[i];
  let weighted = weighteds[i];
  let row = contrast(poisoned(rest, positive), over, 0.0);
  losses[i] = row.loss;
  log2_z[i] = fma(positive, k, level) + row.log2_z;
  miss[i] = row.miss;
  var slope = 0.0;
  if (rest > 0.0 && !blank) { slope = row.miss * (over + weighted / rest) * LN2; }
  sums[i] = slope;
}
