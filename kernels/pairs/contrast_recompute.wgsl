// g[i] = scale / temperature sum_j p_ij (v_j - v_i) for the rows i whose gradient all but cancels, v_i the positive of row i
// p_ij = exp(u_i.(v_j - v_i) / temperature - loss_i), as p_ii = exp(-loss_i): by differences of the columns throughout.
// A workgroup looks after ROWS rows, one after the other: with nothing to do it should not cost software adapters its start.
// @use grid
const WG: u32 = 64;
const ROWS: u32 = 1; // @tune 1 32
const LOG2E: f32 = 1.4426950408889634;

struct Params { first_group: u32, end_group: u32, n: u32, columns: u32, stride: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units: array<f32>; // u: [n, stride]
@group(0) @binding(2) var<storage, read> own: array<f32>; // v: [n, columns], less what all may have in common
@group(0) @binding(3) var<storage, read> results: array<f32>; // the losses first
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read> cancels: array<u32>;
@group(0) @binding(6) var<storage, read_write> g: array<f32>; // [n, stride]

var<workgroup> weights: array<f32, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  for (var i = group * ROWS; i < min((group + 1u) * ROWS, p.n); i++) {
    if (cancels[i] == 1u) { recompute_row(i, lane); }
  }
}

fn recompute_row(i: u32, lane: u32) {
  let k = LOG2E / temperature[0];
  let mine = i * p.columns;
  for (var first = 0u; first < p.n; first += WG) {
    let j = min(first + lane, p.n - 1u);
    var apart = 0.0;
    for (var d = 0u; d < p.columns; d++) {
      apart = fma(units[i * p.stride + d], own[j * p.columns + d] - own[mine + d], apart);
    }
    weights[lane] = select(exp2(min(fma(k, apart, -LOG2E * results[i]), 0.0)), 0.0, first + lane >= p.n || j == i);
    workgroupBarrier();
    for (var d = lane; d < p.columns; d += WG) {
      let v = own[mine + d];
      var part = 0.0;
      for (var m = 0u; m < min(WG, p.n - first); m++) {
        part = fma(weights[m], own[(first + m) * p.columns + d] - v, part);
      }
      let at = i * p.stride + d;
      g[at] = select(g[at], 0.0, first == 0u) + p.scale / temperature[0] * part;
    }
    workgroupBarrier();
  }
}
