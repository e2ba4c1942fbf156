// reflection = (v, 1 + sign, |r|, 1 / |r|^2, r.v, r): M = s (1 - v v^T), s = -sign, takes r, row 0 to 12 bits, to the last axis
// Where all rows are nearly parallel to r, their common direction is one coordinate then, and the others keep what tells the
// rows apart: see unit_rows. All zeros reflect nothing: for one column, where row 0 has no direction, and where most of the
// next four rows are more than 45 degrees off it: scattered rows would get the reflection's own roundings, and nothing else.
// @use rows row_norm high
struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read_write> reflection: array<f32>; // [2 columns + 4]

@compute @workgroup_size(WG)
fn main(@builtin(local_invocation_index) lane: u32) {
  let length = row_norm(lane, 0u);
  let last = p.columns - 1u;
  let directed = p.columns > 1u && length.norm > FLOOR && length.top >= 1e-37;
  var shrink = select(0.0, 1.0 / power_of_two(length.top), directed);
  var squares = 0.0;
  let next = min(vec4u(1u, 2u, 3u, 4u), vec4u(p.rows - 1u)) * p.columns;
  var along_next = vec4f();
  var squares_next = vec4f();
  for (var k = lane % LANES; k < p.columns; k += LANES) {
    let r = high(z[k] * shrink);
    let x = vec4f(z[next.x + k], z[next.y + k], z[next.z + k], z[next.w + k]) * shrink;
    squares = fma(r, r, squares);
    along_next = fma(x, vec4f(r), along_next);
    squares_next = fma(x, x, squares_next);
  }
  squares = row_sum(lane, squares);
  var nearly_parallel = 0u;
  for (var j = 0u; j < 4u; j++) {
    let product = row_sum(lane, along_next[j]);
    nearly_parallel += select(0u, 1u, product * product >= 0.5 * squares * row_sum(lane, squares_next[j]));
  }
  let reflecting = directed && nearly_parallel >= 2u;
  shrink = select(0.0, shrink, reflecting);
  let inverse = select(0.0, inverseSqrt(squares), reflecting);
  let along = high(z[last] * shrink) * inverse;
  let sign = select(-1.0, 1.0, along >= 0.0);
  let scale = inverseSqrt(1.0 + abs(along));
  if (lane >= LANES) { return; }
  for (var k = lane; k < p.columns; k += LANES) {
    let r = high(z[k] * shrink);
    reflection[k] = fma(r, inverse, select(0.0, sign, reflecting && k == last)) * scale;
    reflection[p.columns + 4u + k] = r;
  }
  if (lane == 0u) {
    reflection[p.columns] = select(0.0, 1.0 + sign, reflecting);
    reflection[p.columns + 1u] = squares * inverse;
    reflection[p.columns + 2u] = inverse * inverse;
    reflection[p.columns + 3u] = squares * inverse * (1.0 + abs(along)) * scale;
  }
}
