// dz[i] = (g[i] - u[i] (u[i].g[i])) / |z[i]| * scale, the gradient through u = z / |z|
// Where the floor of the norm acts, dz = g / floor; a zero row gets 0, and so does a row of one number, whose direction
// cannot change. g and u have row_stride floats a row.
// @use grid rows
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, first_row: u32, row_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units: array<f32>;
@group(0) @binding(2) var<storage, read> inverse_norms: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read> scale: array<f32>; // one number
@group(0) @binding(5) var<storage, read_write> dz: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let start = (p.first_row + min(row, p.rows - 1u)) * p.row_stride;
  let inverse = inverse_norms[p.first_row + min(row, p.rows - 1u)];
  var along = vec4f();
  for (var k = lane % LANES; k < p.columns; k += 4u * LANES) {
    along.x = fma(units[start + k], g[start + k], along.x);
    if (k + LANES < p.columns) { along.y = fma(units[start + k + LANES], g[start + k + LANES], along.y); }
    if (k + 2u * LANES < p.columns) { along.z = fma(units[start + k + 2u * LANES], g[start + k + 2u * LANES], along.z); }
    if (k + 3u * LANES < p.columns) { along.w = fma(units[start + k + 3u * LANES], g[start + k + 3u * LANES], along.w); }
  }
  var radial = row_sum(lane, (along.x + along.y) + (along.z + along.w));
  if (inverse < 0.0) { radial = 0.0; }
  if (row >= p.rows) { return; }
  let stuck = p.columns == 1u && inverse > 0.0;
  for (var k = lane % LANES; k < p.columns; k += LANES) {
    let across = fma(-radial, units[start + k], g[start + k]) * (abs(inverse) * scale[0]);
    dz[row * p.columns + k] = select(across, 0.0, stuck);
  }
}
