// prediction[i] = argmax over classes c of sum over the k nearest j with label c of exp((s_ij - s_nearest) / tau)
// One lane a row i; similarities come as [rows of the other set, stride], so that lanes read side by side. The k nearest
// so far form a heap with the farthest on top; of two that are equally near, the one with the lower j is nearer.
// @use grid
const WG: u32 = 64;
const LOG2E: f32 = 1.4426950408889634;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, first_row: u32, others: u32, stride: u32, k: u32, classes: u32, temperature: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> similarities: array<f32>; // [others, stride]
@group(0) @binding(2) var<storage, read> labels: array<i32>; // [others]
@group(0) @binding(3) var<storage, read_write> near: array<f32>; // [k, stride]
@group(0) @binding(4) var<storage, read_write> near_index: array<u32>; // [k, stride]
@group(0) @binding(5) var<storage, read_write> votes: array<f32>; // [classes, stride]
@group(0) @binding(6) var<storage, read_write> predictions: array<i32>;

fn farther(s: f32, j: u32, than: f32, than_j: u32) -> bool {
  return s < than || (s == than && j > than_j);
}

// Puts (s, j) at `hole` or below, where all below is a heap of `count`.
fn sink(i: u32, hole: u32, count: u32, s: f32, j: u32) {
  var at = hole;
  for (var child = 2u * hole + 1u; child < count; child = 2u * at + 1u) {
    var c = child * p.stride + i;
    if (child + 1u < count) {
      let d = c + p.stride;
      if (farther(near[d], near_index[d], near[c], near_index[c])) {
        child += 1u;
        c = d;
      }
    }
    if (!farther(near[c], near_index[c], s, j)) { break; }
    near[at * p.stride + i] = near[c];
    near_index[at * p.stride + i] = near_index[c];
    at = child;
  }
  near[at * p.stride + i] = s;
  near_index[at * p.stride + i] = j;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.rows) { return; }
  for (var n = 0u; n < p.k; n++) {
    near[n * p.stride + i] = similarities[n * p.stride + i];
    near_index[n * p.stride + i] = n;
  }
  for (var n = p.k / 2u; n > 0u; n--) {
    let at = (n - 1u) * p.stride + i;
    sink(i, n - 1u, p.k, near[at], near_index[at]);
  }
  var bar = near[i];
  for (var j = p.k; j < p.others; j++) {
    let s = similarities[j * p.stride + i];
    if (s > bar) {
      sink(i, 0u, p.k, s, j);
      bar = near[i];
    }
  }

  var top = bar;
  for (var n = 0u; n < p.k; n++) { top = max(top, near[n * p.stride + i]); }
  for (var c = 0u; c < p.classes; c++) { votes[c * p.stride + i] = 0.0; }
  for (var n = 0u; n < p.k; n++) {
    let at = n * p.stride + i;
    votes[u32(labels[near_index[at]]) * p.stride + i] += exp2((near[at] - top) * (LOG2E / p.temperature));
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
  predictions[p.first_row + i] = i32(best);
}
