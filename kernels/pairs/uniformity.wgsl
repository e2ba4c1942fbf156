// loss = log mean e_ij over all ordered pairs, e_ij = exp(-t |u_i - u_j|^2), and what the weights 2 e_ij / sum of e_ij need of it
// total is that mean, or with RUNNING the top of -|u_i - u_j|^2, and the sum of all e_ij relative to it.
// @use grid log1p finite
const WG: u32 = 64;
const RUNNING: u32 = 0; // @tune 0 1

struct Params { first_group: u32, end_group: u32, n: u32, deficits: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> total: array<f32>;
@group(0) @binding(2) var<storage, read> temperature: array<f32>; // 1 / (2 t)
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> weighing: array<f32>; // the top; 2 / the sum
@group(0) @binding(5) var<storage, read_write> miss: array<f32>; // of positives: there are none
@group(0) @binding(6) var<storage, read> deficits: array<f32>; // see uniformity_deficit.wgsl

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.n) { return; }
  miss[i] = 0.0;
  if (i > 0u) { return; }
  let pairs = f32(p.n) * f32(p.n - 1u);
  var top = 0.0;
  var mean = total[0];
  if (RUNNING == 1u) {
    top = total[0];
    mean = total[1] / pairs;
  }
  var level = top * (0.5 / temperature[0]) + log(mean);
  if (deficits[0] >= 0.0) { // rows that all but agree
    var deficit = 0.0;
    for (var part = 0u; part < p.deficits; part++) { deficit += deficits[part]; }
    level = log1p(-deficit / pairs);
  }
  loss[0] = poisoned(level, mean);
  weighing[0] = top;
  weighing[1] = 2.0 / mean / pairs;
}
