// What the mean assignment lacks of a uniform one, and its gradient
// @use grid

// @kernel cluster_balance log1p
// terms[k] = p_k log(K p_k), levels[k] = log(K p_k), p_k = shares[k]: their sum is log K - H(p)
// A share of 0 (a dead cluster) has the term 0 and a level far below all others, but finite.
// Of clusters that are alike, levels are what little K p_k is off 1.
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, clusters: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> shares: array<f32>;
@group(0) @binding(2) var<storage, read_write> terms: array<f32>;
@group(0) @binding(3) var<storage, read_write> levels: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.clusters) { return; }
  let share = max(shares[k] * f32(p.clusters), 1e-37);
  let level = select(log(share), log1p(share - 1.0), share > 0.5);
  terms[k] = shares[k] * level;
  levels[k] = level;
}

// @kernel cluster_balance_grad
// out[k, i] = dy (levels[k] - value) / rows, the gradient of sum_k p_k log(K p_k) w.r.t. the softmax columns
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, clusters: u32, rows: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>; // one number
@group(0) @binding(2) var<storage, read> value: array<f32>; // one number
@group(0) @binding(3) var<storage, read> levels: array<f32>; // [clusters]
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [clusters, rows]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  let k = at / p.rows;
  if (group >= p.end_group || k >= p.clusters) { return; }
  out[at] = dy[0] * (levels[k] - value[0]) / f32(p.rows);
}
