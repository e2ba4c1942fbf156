// squares[k] = sum over the outliers m of c_mk^2, twice for any other k (it stands for c_km^2 too); c_mk = 0 where m is k
// One lane a feature k of the piece that starts at feature `first`.
// @use grid
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  count: u32, stride: u32, first: u32, columns: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> outliers: array<u32>; // [count]
@group(0) @binding(2) var<storage, read> moments: array<vec4f>; // see standard
@group(0) @binding(3) var<storage, read_write> products: array<f32>; // c: [count, stride]
@group(0) @binding(4) var<storage, read_write> squares: array<f32>; // of all features

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  var total = 0.0;
  for (var m = 0u; m < p.count; m++) {
    let at = m * p.stride + k;
    if (outliers[m] == p.first + k) { products[at] = 0.0; }
    let c = products[at];
    total = fma(c, c, total);
  }
  squares[p.first + k] = total * (1.0 + moments[p.first + k].w);
}
