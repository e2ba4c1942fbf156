// g[i] = scale sum_j w_ij (v_j - u_i) in place of scale sum_j w_ij v_j, for the rows i that `cancels` marks: see row_cancel
// The two sums differ by a multiple of u_i, which the gradient of a unit row drops. In the second form little is left of v_j
// that are nearly u_i; in the first one the differences themselves have all their digits (docs/numerics.md, section 2).
// The cosine comes from the same differences: u_i.v_j = 1 - |u_i - v_j|^2 / 2, plus (|v_j|^2 - 1) / 2 where v_j is below the
// norm's floor. With DISTANCES the pair's gap is |u_i - v_j|^2 / 2 for every row.
// Each kernel below says what w_ij is (`recomputed_weight`), and reads v by `other(at)`.
// A workgroup looks after ROWS rows, one after the other: most have nothing to do, and on software adapters a workgroup's
// start would cost more than that.
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
    if (cancels[i] == 1u) { recompute_row(i, lane); }
  }
}

fn recompute_row(i: u32, lane: u32) {
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
    weights[lane] = select(recomputed_weight(i, j, 0.5 * apart + select(0.0, 0.5 - 0.5 * square, square < 0.5 && DISTANCES == 0u)), 0.0, first + lane >= p.n);
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

// @kernel nt_xent_recompute mark_partner
// g[i] = sum_j w_ij (u_j - u_i), w_ij = exp(s_ij / tau) (1/Z_i + 1/Z_j), for a positive pair -(miss_i + miss_j), 0 for i = j
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read> log2_z: array<f32>;
@group(0) @binding(6) var<storage, read> miss: array<f32>;

fn other(at: u32) -> f32 { return units[at]; }

fn recomputed_weight(i: u32, j: u32, gap: f32) -> f32 {
  if (i == j) { return 0.0; }
  if (row_mark(i) == j) { return -(miss[i] + miss[j]); }
  let k = LOG2E / temperature[0];
  return exp2(min(fma(-k, gap, k - log2_z[i]), 0.0)) + exp2(min(fma(-k, gap, k - log2_z[j]), 0.0));
}

// @kernel sup_con_recompute mark_class expm1
// g[i] = sum_j w_ij (u_j - u_i), w_ij the sum over both rows of factor 2^(l_ij - top) - target_weight, 0 for i = j: see sup_con_panel
// Where the positives all but coincide, e_ij / Z and 1 / |P_i| differ in their last digits only: class_mean_expm1 says how
// the weight is computed then.
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read> row_factors: array<vec4f>; // see sup_con_rows
@group(0) @binding(7) var<storage, read> target_weights: array<f32>;
@group(0) @binding(8) var<storage, read> mean_expm1: array<vec2f>;

fn other(at: u32) -> f32 { return units[at]; }

fn recomputed_weight(i: u32, j: u32, gap: f32) -> f32 {
  if (i == j) { return 0.0; }
  let k = LOG2E / temperature[0];
  let same = row_mark(i) == row_mark(j);
  return half_weight(i, same, k, gap) + half_weight(j, same, k, gap);
}

fn half_weight(i: u32, same: bool, k: f32, gap: f32) -> f32 {
  let factors = row_factors[i];
  if (!same) { return factors.y * exp2(min(fma(-k, gap, k - factors.x), 0.0)); }
  let terms = mean_expm1[i]; // (mean over P_i of expm1_ij, R / Z), or (0, -1)
  if (terms.y >= 0.0) {
    return target_weights[i] * fma(1.0 - terms.y, (exp2_less_1(-k * gap) - terms.x) / (1.0 + terms.x), -terms.y);
  }
  return fma(factors.w, exp2(min(fma(-k, gap, k - factors.z), 0.0)), -target_weights[i]);
}

// @kernel uniformity_recompute
// g[i] = sum_j w_ij (u_j - u_i), w_ij = 2 exp(-|u_i - u_j|^2 / (2 tau)) / Z, 0 for i = j
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read> weighing: array<f32>; // see uniformity.wgsl

fn other(at: u32) -> f32 { return units[at]; }

fn recomputed_weight(i: u32, j: u32, gap: f32) -> f32 {
  if (i == j) { return 0.0; }
  return weighing[1] * exp2(min((-2.0 * gap - weighing[0]) * (0.5 * LOG2E / temperature[0]), 0.0));
}

// @kernel sig_lip_recompute
// g[i] = scale sum_j w_ij (v_j - u_i), w_ij = -y_ij sigmoid(-y_ij l_ij), l = logit_scale s + bias, y = 1 for j = i, else -1
@group(0) @binding(4) var<storage, read> others: array<f32>;
@group(0) @binding(5) var<storage, read> logit_scale: array<f32>;
@group(0) @binding(6) var<storage, read> bias: array<f32>;

fn other(at: u32) -> f32 { return others[at]; }

fn recomputed_weight(i: u32, j: u32, gap: f32) -> f32 {
  let y = select(-1.0, 1.0, i == j);
  let x = -y * fma(1.0 - gap, logit_scale[0], bias[0]);
  let e = exp(-abs(x));
  return -y * select(e, 1.0, x >= 0.0) / (1.0 + e);
}
