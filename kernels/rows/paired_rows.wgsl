// loss[i] = |u_i - v_i|^alpha, u = x / |x|, v = y / |y|, and dx[i] = scale d loss[i] / d x[i]
// With the cosine c: |u - v|^2 = |u|^2 + |v|^2 - 2c, or, with distance = 0, 2 - 2c also for rows that are zero.
// 1 - c comes from y's part across x, not as a difference: rows that nearly agree keep the digits of both.
// @use grid rows high finite
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, distance: u32, alpha: f32, scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> y: array<f32>; // [rows, columns]
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;
@group(0) @binding(4) var<storage, read_write> inverse_norms: array<f32>; // of x; 0 for a zero row
@group(0) @binding(5) var<storage, read_write> dx: array<f32>; // [rows, columns]

const FLOOR: f32 = 1e-12; // of the norms that rows are divided by
const BLOCK: u32 = 64; // partial sums: a long chain of additions would lose digits

// c - a b with the digits of the difference, where fma may round a b first: products of halves are exact.
fn less_product(c: f32, a: f32, b: f32) -> f32 {
  let ah = high(a);
  let bh = high(b);
  return fma(ah - a, b - bh, fma(ah - a, bh, fma(-ah, b - bh, fma(-ah, bh, c))));
}

// x^a of x > 0: the exponent of x apart from the rest, whose share of the logarithm would take its digits.
fn power(x: f32, a: f32) -> f32 {
  let bits = bitcast<u32>(max(x, 1e-37));
  let whole = a * f32(i32(bits >> 23u) - 127);
  let exponent = round(whole);
  let rest = (whole - exponent) + a * log2(bitcast<f32>((bits & 0x007fffffu) | 0x3f800000u));
  return ldexp(exp2(rest), i32(clamp(exponent, -126.0, 127.0)));
}

// v - u of rows of which one is at the floor; 0 for rows that are the same, which two products of their own would not leave.
fn difference(x: f32, y: f32, scale: vec2f) -> f32 {
  return fma(y - x, scale.y, x * (scale.y - scale.x));
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let at = min(row, p.rows - 1u) * p.columns;
  let first = lane % LANES;

  // Rows scaled by their largest entries, a of x and b of y, since squares of rows of 1e20 would overflow; by those entries'
  // powers of two, which rounds nothing.
  var tops = vec2f();
  for (var k = first; k < p.columns; k += LANES) { tops = max(tops, abs(vec2f(x[at + k], y[at + k]))); }
  tops = vec2f(row_max(lane, tops.x), row_max(lane, tops.y));
  let unit = bitcast<vec2f>(bitcast<vec2u>(tops) & vec2u(0x7f800000u));
  let shrink = select(1.0 / unit, vec2f(), tops < vec2f(1e-37));
  var products = vec3f(); // aa, bb, ab
  for (var start = 0u; start < p.columns; start += BLOCK * LANES) {
    var part = vec3f();
    let end = min(start + BLOCK * LANES, p.columns);
    for (var k = start + first; k < end; k += LANES) {
      let a = x[at + k] * shrink.x;
      let b = y[at + k] * shrink.y;
      part = fma(vec3f(a, b, a), vec3f(a, b, b), part);
    }
    products += part;
  }
  let aa = row_sum(lane, products.x);
  let bb = row_sum(lane, products.y);
  let ab = row_sum(lane, products.z);
  let norms = unit * sqrt(vec2f(aa, bb));
  let lengths = min(norms / FLOOR, vec2f(1.0)); // |u| and |v|: 1 but for rows at the floor
  let over = select(inverseSqrt(max(vec2f(aa, bb), vec2f(1e-37))), vec2f(), norms == vec2f()); // 1 / |a|, 1 / |b|
  let cosine = clamp(ab * over.x * over.y, -1.0, 1.0) * lengths.x * lengths.y;

  // across = b - along a, in two steps: what rounding left along a after the first goes in the second.
  let along = ab * over.x * over.x;
  var rest = 0.0;
  for (var k = first; k < p.columns; k += LANES) {
    let a = x[at + k] * shrink.x;
    rest = fma(a, less_product(y[at + k] * shrink.y, along, a), rest);
  }
  let more = row_sum(lane, rest) * over.x * over.x;
  let whole = lengths.x == 1.0 && lengths.y == 1.0;
  let plain = p.distance == 1u && !whole;
  let scale = 1.0 / max(norms, vec2f(FLOOR));
  var squares = 0.0;
  for (var k = first; k < p.columns; k += LANES) {
    let a = x[at + k] * shrink.x;
    let b = y[at + k] * shrink.y;
    let across = fma(-more, a, less_product(b, along, a)) * over.y;
    let apart = select(across, difference(x[at + k], y[at + k], scale), plain);
    squares = fma(apart, apart, squares);
  }
  squares = row_sum(lane, squares); // of v - u where a row is at the floor, else the squared sine
  let gap = select(1.0 - cosine, squares / (1.0 + cosine), whole && cosine > 0.0);
  let apart = select(2.0 * gap, squares, plain);

  if (row >= p.rows) { return; }
  let floored = norms.x <= FLOOR;
  let inverse = select(1.0 / max(norms.x, FLOOR), 0.0, tops.x == 0.0);
  // d |u - v|^alpha = alpha / 2 |u - v|^(alpha - 2) d |u - v|^2, and d |u - v|^2 / du = -2 v (+ 2 u at the floor)
  var loss = apart;
  var slope = -2.0 * p.scale * inverse;
  if (p.alpha != 2.0) {
    let alike = apart < FLOOR * FLOOR; // what is left of equal rows is rounding, which a power below 2 would blow up
    loss = select(power(apart, 0.5 * p.alpha), 0.0, alike);
    slope *= select(0.5 * p.alpha * power(apart, 0.5 * p.alpha - 1.0), 0.0, alike);
  }
  if (first == 0u) {
    losses[row] = poisoned(loss, aa + bb); // clamp and max would hide a NaN
    inverse_norms[row] = inverse;
  }
  for (var k = first; k < p.columns; k += LANES) {
    let a = x[at + k] * shrink.x;
    let b = y[at + k] * shrink.y;
    var across = fma(-more, a, less_product(b, along, a)) * over.y * lengths.y;
    if (p.columns == 1u) { across = 0.0; } // nothing lies across a single number
    let gradient = select(b * over.y * lengths.y, difference(x[at + k], y[at + k], scale), p.distance == 1u);
    dx[at + k] = slope * select(across, gradient, floored);
  }
}
