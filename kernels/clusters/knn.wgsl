// prediction[i] = argmax over classes c of sum over the k nearest j with label c of exp((s_ij - s_nearest) / tau)
// One lane a row i. -1 where the nearest score is NaN, as it is of a row of NaN and next to one.
// @use grid finite
const WG: u32 = 64;
const LOG2E: f32 = 1.4426950408889634;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, first_row: u32, stride: u32, k: u32, classes: u32, temperature: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>; // [rows of all blocks, k], the nearest first
@group(0) @binding(2) var<storage, read> indices: array<i32>; // [rows of all blocks, k]
@group(0) @binding(3) var<storage, read> labels: array<i32>;
@group(0) @binding(4) var<storage, read_write> votes: array<f32>; // [classes, stride]
@group(0) @binding(5) var<storage, read_write> predictions: array<i32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.rows) { return; }
  let start = (p.first_row + i) * p.k;
  for (var c = 0u; c < p.classes; c++) { votes[c * p.stride + i] = 0.0; }
  for (var n = start; n < start + p.k; n++) {
    votes[u32(labels[indices[n]]) * p.stride + i] += exp2((scores[n] - scores[start]) * (LOG2E / p.temperature));
  }
  var best = 0u;
  var most = -1.0;
  for (var c = 0u; c < p.classes; c++) {
    let vote = votes[c * p.stride + i];
    if (vote > most) {
      best = c;
      most = vote;
    }
  }
  predictions[p.first_row + i] = select(i32(best), -1, is_nan(scores[start]));
}
