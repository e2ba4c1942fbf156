// The empirical characteristic function of every column of x at the knots t_k = (k + 1) step, and the Epps-Pulley test of it
// e^(i t x) of the knots are powers of e^(i step x): one sine and cosine an element, and a complex product a knot.
// @use grid
const WG: u32 = 64;
const MOST: u32 = 64; // knots

// @kernel characteristic_slices sin_cos
// out[slice, j, k] = sum over the slice's rows i of (cos t_k x_ij, sin t_k x_ij)
struct Params {
  first_group: u32, end_group: u32, rows: u32, columns: u32, slice_rows: u32, strips: u32, knots: u32, step: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read_write> out: array<vec2f>; // [slices, columns, knots]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let j = (group % p.strips) * WG + lane;
  if (group >= p.end_group || j >= p.columns) { return; }
  let slice = group / p.strips;
  let first = slice * p.slice_rows;
  let end = min(first + p.slice_rows, p.rows);
  var sums: array<vec2f, MOST>;
  for (var k = 0u; k < p.knots; k++) { sums[k] = vec2f(); }
  for (var i = first; i < end; i++) {
    let turn = sin_cos(p.step * x[i * p.columns + j]);
    var z = turn;
    for (var k = 0u; k < p.knots; k++) {
      sums[k] += z;
      z = vec2f(fma(z.x, turn.x, -z.y * turn.y), fma(z.x, turn.y, z.y * turn.x));
    }
  }
  for (var k = 0u; k < p.knots; k++) { out[(slice * p.columns + j) * p.knots + k] = sums[k]; }
}

// @kernel characteristic_terms precise_exp
// terms[j] = rows sum_k w_k |c_jk - phi_k|^2, slopes[j, k] = w_k t_k (Im c_jk, Re c_jk - phi_k): c of the column, phi_k = e^(-t_k^2 / 2)
// of a standard normal, w_k = phi_k times the trapezoid's 2 step, half of that at the last knot (the one at 0 counts nothing).
struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, knots: u32, step: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> means: array<vec2f>; // [columns, knots]
@group(0) @binding(2) var<storage, read_write> terms: array<f32>;
@group(0) @binding(3) var<storage, read_write> slopes: array<vec2f>; // [columns, knots]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let j = group * WG + lane;
  if (group >= p.end_group || j >= p.columns) { return; }
  var total = 0.0;
  for (var k = 0u; k < p.knots; k++) {
    let t = f32(k + 1u) * p.step;
    let normal = precise_exp(-0.5 * t * t);
    let weight = normal * select(2.0, 1.0, k + 1u == p.knots) * p.step;
    let c = means[j * p.knots + k] - vec2f(normal, 0.0);
    total = fma(weight, dot(c, c), total);
    slopes[j * p.knots + k] = weight * t * c.yx;
  }
  terms[j] = f32(p.rows) * total;
}

// @kernel characteristic_grad sin_cos
// dx_ij = factor dy sum_k (slopes_jk.x cos t_k x_ij - slopes_jk.y sin t_k x_ij)
struct Params {
  first_group: u32, end_group: u32, rows: u32, columns: u32, slice_rows: u32, strips: u32, knots: u32, step: f32, factor: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> slopes: array<vec2f>; // [columns, knots]
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>; // [rows, columns]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let j = (group % p.strips) * WG + lane;
  if (group >= p.end_group || j >= p.columns) { return; }
  let first = (group / p.strips) * p.slice_rows;
  let end = min(first + p.slice_rows, p.rows);
  var own: array<vec2f, MOST>;
  for (var k = 0u; k < p.knots; k++) { own[k] = slopes[j * p.knots + k]; }
  let factor = p.factor * dy[0];
  for (var i = first; i < end; i++) {
    let turn = sin_cos(p.step * x[i * p.columns + j]);
    var z = turn;
    var slope = 0.0;
    for (var k = 0u; k < p.knots; k++) {
      slope = fma(own[k].x, z.x, fma(-own[k].y, z.y, slope));
      z = vec2f(fma(z.x, turn.x, -z.y * turn.y), fma(z.x, turn.y, z.y * turn.x));
    }
    dx[i * p.columns + j] = factor * slope;
  }
}
