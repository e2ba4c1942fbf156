// g[i] = sum_j w_ij (u_j - u_i) in place of sum_j w_ij u_j, for the rows i whose pulls all but cancel: see row_cancel
// The two differ along u_i alone, which the gradient of a unit row does not know; but what differences of near rows leave
// has its digits. The cosine comes by them, too: 1 - |u_i - u_j|^2 / 2. The kernel says w. A workgroup is one row's.
// @use grid
const WG: u32 = 64;
const LOG2E: f32 = 1.4426950408889634;

struct Params { first_group: u32, end_group: u32, n: u32, columns: u32, row_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units: array<f32>; // [rows, row_stride], rows a multiple of WG
@group(0) @binding(2) var<storage, read> cancels: array<u32>;
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<storage, read_write> g: array<f32>; // [rows, row_stride]

var<workgroup> weights: array<f32, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let i = group;
  if (cancels[i] == 0u) { return; }
  let own = i * p.row_stride;
  let k = LOG2E / temperature[0];
  for (var first = 0u; first < p.n; first += WG) {
    let j = first + lane;
    var apart = 0.0;
    for (var d = 0u; d < p.columns; d++) {
      let x = units[own + d] - units[j * p.row_stride + d];
      apart = fma(x, x, apart);
    }
    var w = 0.0;
    if (j < p.n && j != i) { w = near_weight(i, j, k, 0.5 * apart); }
    weights[lane] = w;
    workgroupBarrier();
    for (var d = lane; d < p.columns; d += WG) {
      let u = units[own + d];
      var part = 0.0;
      for (var m = 0u; m < WG; m++) { part = fma(weights[m], units[(first + m) * p.row_stride + d] - u, part); }
      g[own + d] = select(g[own + d], 0.0, first == 0u) + part;
    }
    workgroupBarrier();
  }
}
