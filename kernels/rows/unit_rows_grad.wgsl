// dz[i] = M (g[i] - u[i] (u[i].g[i])) / |z[i]| * scale, the gradient through u = M z / |z|, M the `reflection`
// scale = factor dy / temperature.
// Where g is along u[i] for the most part, what the rounding of u.g leaves there is taken off once more: it may be larger
// than what is across.
// Where the floor of the norm acts, dz = M g / floor; a zero row gets 0, and so does a row of one number, whose direction
// cannot change. g and u have row_stride floats a row.
// @use grid rows
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, first_row: u32, row_stride: u32, factor: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units: array<f32>;
@group(0) @binding(2) var<storage, read> inverse_norms: array<f32>;
@group(0) @binding(3) var<storage, read> reflection: array<f32>; // see reflection.wgsl
@group(0) @binding(4) var<storage, read> g: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>; // one number, as the next
@group(0) @binding(6) var<storage, read> temperature: array<f32>;
@group(0) @binding(7) var<storage, read_write> dz: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let start = (p.first_row + min(row, p.rows - 1u)) * p.row_stride;
  let inverse = inverse_norms[p.first_row + min(row, p.rows - 1u)];
  let free = inverse < 0.0; // the norm's floor acts
  var sums = vec4f(); // u.g, u.u, v.u, v.g
  var more = vec4f();
  var square = 0.0;
  for (var k = lane % LANES; k < p.columns; k += 2u * LANES) {
    let u = vec2f(units[start + k], reflection[k]);
    let x = g[start + k];
    sums = fma(u.xxyy, vec4f(x, u.x, u.x, x), sums);
    square = fma(x, x, square);
    if (k + LANES < p.columns) {
      let next = vec2f(units[start + k + LANES], reflection[k + LANES]);
      let y = g[start + k + LANES];
      more = fma(next.xxyy, vec4f(y, next.x, next.x, y), more);
      square = fma(y, y, square);
    }
  }
  sums += more;
  let size = max(row_sum(lane, sums.y), 1e-30);
  let along = row_sum(lane, sums.x);
  let radial = select(along / size, 0.0, free);
  let level = row_sum(lane, sums.z);
  let along_v = row_sum(lane, sums.w);
  let cancelling = row_sum(lane, square) - radial * along < 0.1 * radial * along;
  var rest = vec2f(); // of what the projection leaves: u.t, v.t
  for (var k = select(p.columns, lane % LANES, cancelling); k < p.columns; k += LANES) {
    let t = fma(-radial, units[start + k], g[start + k]);
    rest = fma(vec2f(t), vec2f(units[start + k], reflection[k]), rest);
  }
  rest = vec2f(row_sum(lane, rest.x), row_sum(lane, rest.y));
  let again = rest.x / size;
  let across = select(fma(-radial, level, along_v), fma(-again, level, rest.y), cancelling);
  if (row >= p.rows) { return; }
  let stuck = p.columns == 1u && inverse > 0.0;
  let factor = (1.0 - reflection[p.columns]) * (abs(inverse) * (p.factor * dy[0] / temperature[0]));
  for (var k = lane % LANES; k < p.columns; k += LANES) {
    let t = fma(-again, units[start + k], fma(-radial, units[start + k], g[start + k]));
    dz[row * p.columns + k] = select(fma(-across, reflection[k], t) * factor, 0.0, stuck);
  }
}
