// reflection = (v, 1 + sign, |r|, 1 / |r|^2, r.v, r): the reflection s (1 - v v^T), s = -sign, that takes row 0 to the last axis; r, nearly row 0
// Where rows all but coincide, their common direction is one coordinate then, and what tells them apart keeps its digits in
// the others: see unit_rows. All zeros reflect nothing: so it is for one column, and where row 0 has no direction.
// @use rows row_norm high
struct Params { first_group: u32, end_group: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read_write> reflection: array<f32>; // [2 columns + 4]

@compute @workgroup_size(WG)
fn main(@builtin(local_invocation_index) lane: u32) {
  let length = row_norm(lane, 0u);
  let last = p.columns - 1u;
  let reflecting = p.columns > 1u && length.norm > FLOOR && length.top >= 1e-37;
  let shrink = select(0.0, 1.0 / power_of_two(length.top), reflecting);
  var squares = 0.0;
  for (var k = lane % LANES; k < p.columns; k += LANES) {
    let r = high(z[k] * shrink);
    squares = fma(r, r, squares);
  }
  squares = row_sum(lane, squares);
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
