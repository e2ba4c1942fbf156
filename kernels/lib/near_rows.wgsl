// g[i] = scale sum_j w_ij (v_j - u_i) in place of scale sum_j w_ij v_j, for the rows i whose pulls all but cancel: see row_cancel
// The two differ along u_i alone, which the gradient of a unit row does not know; but what differences of near rows leave
// has its digits. The cosine comes by them, too: 1 - |u_i - v_j|^2 / 2 but for rows below the norm's floor; with DISTANCES
// the gap is |u_i - v_j|^2 / 2 of those, too. The kernel says what w is, and `other`: entries of
// v; own_at and other_at are for it. A workgroup
// looks after ROWS rows, one after the other: with nothing to do it should not cost software adapters its start.
// @use grid
const WG: u32 = 64;
const ROWS: u32 = 1; // @tune 1 32
const DISTANCES: u32 = 0; // @tune 0 1
const LOG2E: f32 = 1.4426950408889634;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, n: u32, columns: u32, row_stride: u32, own_at: u32, other_at: u32, scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units: array<f32>; // u: [rows, row_stride]
@group(0) @binding(2) var<storage, read> cancels: array<u32>;
@group(0) @binding(3) var<storage, read_write> g: array<f32>; // [rows, row_stride]

var<workgroup> weights: array<f32, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  for (var i = group * ROWS; i < min((group + 1u) * ROWS, p.rows); i++) {
    if (cancels[i] == 1u) { pull_again(i, lane); }
  }
}

fn pull_again(i: u32, lane: u32) {
  let own = i * p.row_stride;
  for (var first = 0u; first < p.n; first += WG) {
    let j = min(first + lane, p.n - 1u);
    var apart = 0.0;
    var square = 0.0;
    for (var d = 0u; d < p.columns; d++) {
      let v = other(j * p.row_stride + d);
      apart = fma(units[own + d] - v, units[own + d] - v, apart);
      square = fma(v, v, square);
    }
    weights[lane] = select(near_weight(i, j, 0.5 * apart + select(0.0, 0.5 - 0.5 * square, square < 0.5 && DISTANCES == 0u)), 0.0, first + lane >= p.n);
    workgroupBarrier();
    for (var d = lane; d < p.columns; d += WG) {
      let u = units[own + d];
      var part = 0.0;
      for (var m = 0u; m < min(WG, p.n - first); m++) {
        part = fma(weights[m], other((first + m) * p.row_stride + d) - u, part);
      }
      g[own + d] = select(g[own + d], 0.0, first == 0u) + p.scale * part;
    }
    workgroupBarrier();
  }
}
