// What each row and its nearest cost, and the gradient
// @use grid

// @kernel ko_leo_rows apart finite
// losses[i] = -log(d + 1e-8), weights[i] = 1 / (d (d + 1e-8)), d = |u_i - u_nearest(i)|; 0 for d = 0
// What the rounded norms leave of u_i - u_j along u_i + u_j is no distance: unit rows differ at right angles to their sum.
const WG: u32 = 64;
const EPSILON: f32 = 1e-8;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> inverse_norms: array<f32>;
@group(0) @binding(3) var<storage, read> nearest: array<i32>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
@group(0) @binding(5) var<storage, read_write> weights: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.rows) { return; }
  let j = u32(nearest[i]);
  var squares = 0.0;
  var along = 0.0;
  var length = 0.0;
  for (var k = 0u; k < p.columns; k++) {
    let v = apart(i, j, k);
    let both = z[i * p.columns + k] * abs(inverse_norms[i]) + z[j * p.columns + k] * abs(inverse_norms[j]);
    squares = fma(v, v, squares);
    along = fma(v, both, along);
    length = fma(both, both, length);
  }
  let units = inverse_norms[i] > 0.0 && inverse_norms[j] > 0.0;
  if (units && length > 1.0) {
    let rest = squares - along * along / length;
    squares = select(rest, 0.0, rest <= 1e-6 * squares); // nothing but rounding is left of rows that point the same way
  }
  let d = sqrt(squares);
  losses[i] = poisoned(-log(d + EPSILON), squares);
  var weight = 0.0;
  if (d > 0.0) { weight = 1.0 / d / (d + EPSILON); }
  weights[i] = weight;
}

// @kernel ko_leo_grad apart
// g[j] = -weight_j (u_j - u_nearest(j)) - sum over i with nearest(i) = j of weight_i (u_j - u_i), in the order of i
// A row is its owner's alone: LANES lanes look through all indices for those that name it, and add what they find.
const WG: u32 = 64;
const LANES: u32 = 1; // @tune 1 4 8 16 32 64

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> inverse_norms: array<f32>;
@group(0) @binding(3) var<storage, read> nearest: array<i32>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> g: array<f32>; // [rows, stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let j = group * (WG / LANES) + lane / LANES;
  if (group >= p.end_group || j >= p.rows) { return; }
  let own = u32(nearest[j]);
  for (var k = lane % LANES; k < p.columns; k += LANES) { g[j * p.stride + k] = -weights[j] * apart(j, own, k); }
  for (var i = 0u; i < p.rows; i++) {
    if (u32(nearest[i]) == j) {
      for (var k = lane % LANES; k < p.columns; k += LANES) { g[j * p.stride + k] -= weights[i] * apart(j, i, k); }
    }
  }
}
