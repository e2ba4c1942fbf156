// u[i] = M z[i] / max(|z[i]|, 1e-12), M the `reflection`; stored along d, and transposed (k-major) for tile products
// M takes the common direction r to the last axis (docs/numerics.md, section 1). A row is split before it is reflected:
// z = a r + y, with a and r of 12 bits each, so that a r is exact, and y is small where z is nearly parallel to r. Then
//     M z = M y + a |r| e_last,
// and M y keeps digits that z / |z| would round to those of 1. Where the last coordinate is nearly 1, it is computed as
// 1 - excess / (|z| (a |r| + |z|)), excess = |z|^2 - (a |r|)^2.
// With CENTRED the rows along d are stored less e_last, for weighted sums whose weights add up to 0; behind them stands 1
// where that was done, else 0.
// One of several views: its rows start at first_row; past its last row `blank_rows` rows of zeros fill up the tiles.
// inverse_norms[i] is 1/|z|, negative where the floor of 1e-12 acts (no projection in the gradient), 0 for a zero row.
// @use grid rows high finite
const FLOOR: f32 = 1e-12; // of the norm that a row is divided by
const CENTRED: u32 = 0; // @tune 0 1
const TRANSPOSED: u32 = 1; // @tune 0 1
const BLOCK: u32 = 16; // partial sums: their rounding would stand between rows that are near each other

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, first_row: u32, blank_rows: u32, row_stride: u32, column_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> reflection: array<f32>; // see reflection.wgsl
@group(0) @binding(3) var<storage, read_write> units: array<f32>; // [rows, row_stride]
@group(0) @binding(4) var<storage, read_write> units_t: array<f32>; // [columns, column_stride]
@group(0) @binding(5) var<storage, read_write> inverse_norms: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let start = min(row, p.rows - 1u) * p.columns;
  var top = 0.0;
  for (var k = lane % LANES; k < p.columns; k += LANES) { top = max(top, abs(z[start + k])); }
  top = row_max(lane, top);
  let unit = power_of_two(top);
  let shrink = select(1.0 / unit, 0.0, top < 1e-37);
  let r = p.columns + 4u;
  var products = vec3f(); // of x = z / unit: x.x, x.r, x.v
  for (var head = lane % LANES; head < p.columns; head += BLOCK * LANES) {
    var part = vec3f();
    for (var k = head; k < min(head + BLOCK * LANES, p.columns); k += LANES) {
      let x = z[start + k] * shrink;
      part = fma(vec3f(x), vec3f(x, reflection[r + k], reflection[k]), part);
    }
    products += part;
  }
  let square = row_sum(lane, products.x);
  let along = row_sum(lane, products.y);
  let level = row_sum(lane, products.z);
  let length = unit * sqrt(square);
  let norm = poisoned(max(length, FLOOR), square); // all of a row with a NaN or an infinity is NaN: max would hide it
  let part_along = high(along * reflection[p.columns + 2u]);
  let a = part_along * unit;
  let parallel = a * reflection[p.columns + 1u];
  // Products with y from those with x. Where the row is nearly parallel to r these cancel: there y is formed and summed itself.
  let part_parallel = part_along * reflection[p.columns + 1u];
  var rests = vec3f(
    fma(-part_along, reflection[p.columns + 3u], level),
    fma(-part_parallel, reflection[p.columns + 1u], along),
    square - part_parallel * (2.0 * along / max(reflection[p.columns + 1u], 1e-30) - part_parallel)); // y.v, y.r, y.y
  let nearly_parallel = rests.z < 0.25 * square;
  if (nearly_parallel) { rests = vec3f(); }
  for (var head = select(p.columns, lane % LANES, nearly_parallel); head < p.columns; head += BLOCK * LANES) {
    var part = vec3f();
    for (var k = head; k < min(head + BLOCK * LANES, p.columns); k += LANES) {
      let y = (z[start + k] - a * reflection[r + k]) * shrink;
      part = fma(vec3f(y), vec3f(reflection[k], reflection[r + k], y), part);
    }
    rests += part;
  }
  let share = select(1.0 / f32(LANES), 1.0, nearly_parallel); // all lanes of a row have the same where it is not
  var across = row_sum(lane, rests.x * share) * unit;
  let flip = 1.0 - reflection[p.columns];
  // |z|^2 = (a |r|)^2 + excess
  let excess = fma(2.0 * part_along, row_sum(lane, rests.y * share), row_sum(lane, rests.z * share));
  var last_coordinate = parallel / norm; // on the last axis
  let shift = select(0.0, 1.0, reflection[p.columns + 1u] > 0.0); // rows below the norm's floor would not survive it
  var rest = last_coordinate - shift;
  if (abs(parallel) > 0.5 * norm && length > FLOOR) {
    let short = excess * (unit / norm) * (unit / (abs(parallel) + norm));
    last_coordinate = sign(parallel) * (1.0 - short);
    if (parallel > 0.0) { rest = -short; }
  }
  // M takes e_last back to r, so an error of `across` shows in the last coordinate of z = M u |z|: it is corrected by that.
  var seen = 0.0; // r.u
  for (var k = select(lane % LANES, p.columns, nearly_parallel); k < p.columns; k += LANES) {
    seen = fma(reflection[r + k], flip * (fma(-across, reflection[k], z[start + k] - a * reflection[r + k]) / norm), seen);
  }
  seen = row_sum(lane, seen);
  let end = p.columns - 1u;
  let off = z[start + end] / norm - fma(reflection[r + end], last_coordinate, seen) * (reflection[p.columns + 1u] * reflection[p.columns + 2u]);
  across += select(off * norm / reflection[end], 0.0, nearly_parallel || reflection[end] == 0.0);
  let scale = 1.0 / norm;
  let real = row < p.rows;
  if (CENTRED == 1u && TRANSPOSED == 0u && row == 0u && lane == 0u) { units[p.rows * p.row_stride] = shift; }
  if (row >= p.rows + p.blank_rows) { return; }
  let to = p.first_row + row;
  for (var k = lane % LANES; k < p.row_stride; k += LANES) {
    var u = 0.0;
    var last = false;
    if (real && k < p.columns) {
      let y = z[start + k] - a * reflection[r + k];
      u = flip * (fma(-across, reflection[k], y) / norm); // exactly 1 where columns = 1
      last = k == p.columns - 1u;
    }
    units[to * p.row_stride + k] = u + select(0.0, select(last_coordinate, rest, CENTRED == 1u), last);
    if (TRANSPOSED == 1u && k < p.columns) { units_t[k * p.column_stride + to] = u + select(0.0, last_coordinate, last); }
  }
  if (real && lane % LANES == 0u) {
    inverse_norms[to] = select(select(scale, -scale, length <= FLOOR), 0.0, top == 0.0 && !not_finite(square));
  }
}
