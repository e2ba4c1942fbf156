// row_norm: |z| of one row of p.columns numbers, and its largest entry (0 for a zero row); all lanes call it together
// `square`, of the scaled row, is finite unless an entry is not: max hides a NaN, and |z| itself may overflow.
// @use rows high
const FLOOR: f32 = 1e-12; // of the norm that a row is divided by

const SPAN: u32 = 64; // fours whose squares are one sum: a longer one would gather the roundings of all

struct RowNorm { norm: f32, top: f32, square: f32 }

fn row_norm(lane: u32, start: u32) -> RowNorm {
  // Scaled by the largest entry, since |z|^2 of rows of 1e20 would overflow; by its power of two, which rounds nothing.
  var top = 0.0;
  for (var k = lane % LANES; k < p.columns; k += LANES) { top = max(top, abs(z[start + k])); }
  top = row_max(lane, top);
  let unit = power_of_two(top);
  let shrink = select(1.0 / unit, 0.0, top < 1e-37);
  var squares = vec4f();
  for (var head = lane % LANES; head < p.columns; head += 4u * SPAN * LANES) {
    var some = vec4f();
    for (var k = head; k < min(head + 4u * SPAN * LANES, p.columns); k += 4u * LANES) {
      var x = vec4f(z[start + k], 0.0, 0.0, 0.0);
      if (k + LANES < p.columns) { x.y = z[start + k + LANES]; }
      if (k + 2u * LANES < p.columns) { x.z = z[start + k + 2u * LANES]; }
      if (k + 3u * LANES < p.columns) { x.w = z[start + k + 3u * LANES]; }
      x *= shrink;
      some = fma(x, x, some);
    }
    squares += some;
  }
  let square = row_sum(lane, (squares.x + squares.y) + (squares.z + squares.w));
  return RowNorm(unit * sqrt(square), top, square);
}
