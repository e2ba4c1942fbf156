// g[i] = scale (sum_j w_ij (v_j - v_i) + t_i (v_i - u_i)) for the rows i that `cancels` marks, w_ij = exp(l_ij) (1/Z_i + 1/Z'_j)
// Z_i sums the row i, Z'_j the column j; v_i is the positive of row i. t_i = sum_j exp(l_ij) / Z'_j - 1 is the sum of all
// weights of row i, since those of its own softmax add up to 0. Where all columns have a log mean (cross_log_means), t_i is
// the mean of N exp(l_ij) / Z'_j - 1, which keeps its digits; else it is sum_{j != i} exp(l_ij) / Z'_j - (1 - p'_i).
// u and v are given less the first rows of their sides (anchored_rows), and exp(l_ij) / Z from these differences.
// A workgroup looks after ROWS rows, one after the other: with nothing to do it should not cost software adapters its start.
// @use grid expm1
const WG: u32 = 64;
const ROWS: u32 = 1; // @tune 1 32
const LOG2E: f32 = 1.4426950408889634;

struct Params {
  first_group: u32, end_group: u32,
  n: u32, columns: u32, stride: u32, own_at: u32, other_at: u32, scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> own: array<f32>; // u: [n, stride]
@group(0) @binding(2) var<storage, read> others: array<f32>; // v
@group(0) @binding(3) var<storage, read> units: array<f32>; // the rows themselves
@group(0) @binding(4) var<storage, read> other_units: array<f32>;
@group(0) @binding(5) var<storage, read> log_means: array<vec4f>;
@group(0) @binding(6) var<storage, read> logit_scale: array<f32>;
@group(0) @binding(7) var<storage, read> cancels: array<u32>;
@group(0) @binding(8) var<storage, read_write> g: array<f32>; // [n, stride]

var<workgroup> weights: array<f32, WG>;
var<workgroup> totals: array<vec3f, WG>;

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
  let row = i * p.stride;
  let k = LOG2E * logit_scale[0];
  let mine = log_means[p.own_at + i];
  let count = f32(p.n);
  var total = vec3f(); // of n exp(l_ij) / Z'_j - 1; of exp(l_ij) / Z'_j without the positive; of columns whose log mean has no digits
  for (var first = 0u; first < p.n; first += WG) {
    let j = min(first + lane, p.n - 1u);
    let theirs = log_means[p.other_at + j];
    var product = 0.0;
    for (var d = 0u; d < p.columns; d++) { product = fma(own[row + d], others[j * p.stride + d], product); }
    let along = exp2(min(fma(k, theirs.x + product, -mine.y) - log2(count), 0.0));
    let above = fma(k, mine.x + product, -theirs.y);
    let down = exp2(min(above - log2(count), 0.0));
    let real = first + lane < p.n;
    let rival = real && j != i;
    weights[lane] = select(0.0, along + down, rival);
    total += vec3f(select(0.0, exp2_less_1(above), real), select(0.0, down, rival), select(0.0, 1.0 - theirs.z, real));
    workgroupBarrier();
    for (var d = lane; d < p.columns; d += WG) {
      let v = others[row + d];
      var part = 0.0;
      for (var m = 0u; m < min(WG, p.n - first); m++) {
        part = fma(weights[m], others[(first + m) * p.stride + d] - v, part);
      }
      g[row + d] = select(g[row + d], 0.0, first == 0u) + p.scale * part;
    }
    workgroupBarrier();
  }
  totals[lane] = total;
  workgroupBarrier();
  var sum = vec3f();
  for (var m = 0u; m < WG; m++) { sum += totals[m]; }
  let t = select(sum.y - log_means[p.other_at + i].w, sum.x / count, sum.z == 0.0);
  for (var d = lane; d < p.columns; d += WG) {
    g[row + d] += p.scale * t * (other_units[row + d] - units[row + d]);
  }
  workgroupBarrier();
}
