// u[i] = M z[i] / max(|z[i]|, 1e-12), M the reflection `turn`; stored along d, and transposed (k-major) for tile products
// z = a r + y, with y small where z is near the common direction r: then M z = M y + a |r| on the last axis has an M y with all
// its digits, which z / |z| would round to those of 1. a and r are of 12 bits: a r is exact. With CENTRED the last axis is
// taken off the rows along d, which serves pulls whose weights add up to 0.
// One of several views: its rows start at first_row; past its last row `blank_rows` rows of zeros fill up the tiles.
// inverse_norms[i] is 1/|z|, negative where the floor of 1e-12 acts (no projection in the gradient), 0 for a zero row.
// @use grid rows row_norm high
const CENTRED: u32 = 0; // @tune 0 1
const TRANSPOSED: u32 = 1; // @tune 0 1
const BLOCK: u32 = 16; // partial sums: their rounding would stand between rows that are near each other

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, first_row: u32, blank_rows: u32, row_stride: u32, column_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> turn: array<f32>; // see turn.wgsl
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
  let length = row_norm(lane, start);
  let norm = max(length.norm, FLOOR);
  let unit = power_of_two(length.top);
  let shrink = select(1.0 / unit, 0.0, length.top < 1e-37);
  let r = p.columns + 3u;
  var along = 0.0;
  for (var k = lane % LANES; k < p.columns; k += LANES) { along = fma(z[start + k] * shrink, turn[r + k], along); }
  let a = high(row_sum(lane, along) * turn[p.columns + 2u]) * unit;
  var products = vec4f(); // y.v, y.r, y.y
  for (var head = lane % LANES; head < p.columns; head += BLOCK * LANES) {
    var part = vec4f();
    for (var k = head; k < min(head + BLOCK * LANES, p.columns); k += LANES) {
      let y = (z[start + k] - a * turn[r + k]) * shrink;
      part = fma(vec4f(y), vec4f(turn[k], turn[r + k], y, 0.0), part);
    }
    products += part;
  }
  let across = row_sum(lane, products.x) * unit;
  let flip = 1.0 - turn[p.columns];
  // |z|^2 = (a |r|)^2 + excess
  let excess = fma(2.0 * (a * shrink), row_sum(lane, products.y), row_sum(lane, products.z));
  let reach = a * turn[p.columns + 1u];
  var lift = reach / norm; // on the last axis
  var rest = lift - 1.0;
  if (abs(reach) > 0.5 * norm && length.norm > FLOOR) {
    let short = excess * (unit / norm) * (unit / (abs(reach) + norm));
    lift = sign(reach) * (1.0 - short);
    if (reach > 0.0) { rest = -short; }
  }
  let scale = 1.0 / norm;
  let real = row < p.rows;
  if (row >= p.rows + p.blank_rows) { return; }
  let to = p.first_row + row;
  for (var k = lane % LANES; k < p.row_stride; k += LANES) {
    var u = 0.0;
    var last = false;
    if (real && k < p.columns) {
      let y = z[start + k] - a * turn[r + k];
      u = flip * (fma(-across, turn[k], y) / norm); // exactly 1 where columns = 1
      last = k == p.columns - 1u;
    }
    units[to * p.row_stride + k] = u + select(0.0, select(lift, rest, CENTRED == 1u), last);
    if (TRANSPOSED == 1u && k < p.columns) { units_t[k * p.column_stride + to] = u + select(0.0, lift, last); }
  }
  if (real && lane % LANES == 0u) {
    inverse_norms[to] = select(select(scale, -scale, length.norm <= FLOOR), 0.0, length.top == 0.0);
  }
}
