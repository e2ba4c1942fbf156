// loss = log mean e_ij over all ordered pairs, e_ij = exp(-|u_i - u_j|^2 / (2 tau)), and log2 Z, Z = sum of e_ij: the weights are e_ij / Z
// total[0] is that mean, or with RUNNING log sum over all pairs of e_ij.
// @use grid finite
const WG: u32 = 64;
const LOG2E: f32 = 1.4426950408889634;
const LN2: f32 = 0.6931471805599453;
const RUNNING: u32 = 0; // @tune 0 1

struct Params { first_group: u32, end_group: u32, n: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> total: array<f32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
@group(0) @binding(3) var<storage, read_write> log2_z: array<f32>; // one number
@group(0) @binding(4) var<storage, read_write> miss: array<f32>; // of positives: there are none

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.n) { return; }
  let pairs = log2(f32(p.n)) + log2(f32(p.n - 1u));
  var value = poisoned(log(total[0]), total[0]);
  if (RUNNING == 1u) { value = total[0] - pairs * LN2; }
  miss[i] = 0.0;
  if (i > 0u) { return; }
  loss[0] = value;
  log2_z[0] = value * LOG2E + pairs;
}
