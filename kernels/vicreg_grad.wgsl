// g[i, k] = dy (apart (z[i, k] - other[i, k]) + factor g[i, k] + own[k] standard(i, k)), in place
// Columns of the last two terms have mean 0 already: nothing is left to take off for the centring. factor = 0: g has
// nothing in it yet.
// @use grid standard
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, apart: f32, factor: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read> other: array<f32>; // [rows, columns]
@group(0) @binding(4) var<storage, read> own: array<f32>; // [columns]
@group(0) @binding(5) var<storage, read_write> g: array<f32>; // [rows, columns]
@group(0) @binding(6) var<storage, read> dy: array<f32>; // one number

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  let i = at / p.columns;
  if (group >= p.end_group || i >= p.rows) { return; }
  let k = at - i * p.columns;
  var pull = fma(own[k], standard(i, k), p.apart * (z[at] - other[at]));
  if (p.factor != 0.0) { pull = fma(p.factor, g[at], pull); }
  g[at] = pull * dy[0];
}
