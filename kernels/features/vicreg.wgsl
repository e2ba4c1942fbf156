// What a standard deviation below 1 costs, and the gradient of all of the loss
// @use grid

// @kernel vicreg_diagonal
// hinges[k] = max(0, 1 - s_k), squares[k] = included_k v_k^2, own[k] = -[s_k < 1] weight / s_k - extra included_k v_k
// v_k = spread_k / (N - 1), s_k = sqrt(v_k + epsilon). own[k] is what feature k adds to its own gradient: outwards while
// s_k < 1, and `extra` takes back what a product over the included features added already.
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, epsilon: f32, weight: f32, extra: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> moments: array<vec4f>; // [columns], see standard
@group(0) @binding(2) var<storage, read_write> hinges: array<f32>;
@group(0) @binding(3) var<storage, read_write> squares: array<f32>;
@group(0) @binding(4) var<storage, read_write> own: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  let v = moments[k].z / f32(p.rows - 1u);
  let s = sqrt(v + p.epsilon);
  let included = moments[k].w;
  hinges[k] = select(1.0 - s, 0.0, s >= 1.0); // not by max, which hides a NaN
  squares[k] = included * v * v;
  own[k] = select(-p.weight / s, 0.0, s >= 1.0) - p.extra * included * v;
}

// @kernel vicreg_grad standard
// g[i, k] = dy (apart (z[i, k] - other[i, k]) + factor g[i, k] + own[k] standard(i, k)), in place
// Columns of the last two terms have mean 0 already: nothing is left to take off for the centring. factor = 0: g has
// nothing in it yet. One lane a column and slice of rows, as in feature_rows.
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, slice_rows: u32, strips: u32, apart: f32, factor: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read> other: array<f32>; // [rows, columns]
@group(0) @binding(4) var<storage, read> own: array<f32>; // [columns]
@group(0) @binding(5) var<storage, read_write> g: array<f32>; // [rows, columns]
@group(0) @binding(6) var<storage, read> dy: array<f32>; // one number

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = (group % p.strips) * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  let first = (group / p.strips) * p.slice_rows;
  let end = min(first + p.slice_rows, p.rows);
  let f = feature(k);
  let share = own[k];
  let upstream = dy[0];
  for (var i = first; i < end; i++) {
    let at = i * p.columns + k;
    var gradient = fma(share, standard(f, i, k), p.apart * (z[at] - other[at]));
    if (p.factor != 0.0) { gradient = fma(p.factor, g[at], gradient); }
    g[at] = gradient * upstream;
  }
}
