// terms[k] = p_k log(K p_k), levels[k] = log(K p_k), p_k = shares[k]: their sum is log K - H(p)
// A share of 0 (a dead cluster) has the term 0 and a level far below all others, but finite.
// Of clusters that are alike, levels are what little K p_k is off 1.
// @use grid log1p
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
