// indices[i], scores[i] = the k columns j of the largest sign * s_ij, the best first, the lower of equals first
// One lane a row i; scores come as [columns, stride], so that lanes read side by side. The k best so far form a heap with
// the worst on top, which is sorted at the end.
// A score that is NaN counts as the largest number, so that it is found and not passed by.
// @use grid finite
const WG: u32 = 64;
const OF_NAN: f32 = 3.4028234663852886e38;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, first_row: u32, columns: u32, stride: u32, k: u32, itself: u32, sign: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> all: array<f32>; // [columns, stride]
@group(0) @binding(2) var<storage, read_write> best: array<f32>; // [k, stride]
@group(0) @binding(3) var<storage, read_write> best_index: array<u32>; // [k, stride]
@group(0) @binding(4) var<storage, read_write> scores: array<f32>; // [rows of all blocks, k]
@group(0) @binding(5) var<storage, read_write> indices: array<i32>; // [rows of all blocks, k]

fn known(s: f32) -> f32 { return select(s, OF_NAN, is_nan(s)); }

fn worse(s: f32, j: u32, than: f32, than_j: u32) -> bool {
  return s < than || (s == than && j > than_j);
}

// Puts (s, j) at `hole` or below, where all below is a heap of `count`.
fn sink(i: u32, hole: u32, count: u32, s: f32, j: u32) {
  var at = hole;
  for (var child = 2u * hole + 1u; child < count; child = 2u * at + 1u) {
    var c = child * p.stride + i;
    if (child + 1u < count) {
      let d = c + p.stride;
      if (worse(best[d], best_index[d], best[c], best_index[c])) {
        child += 1u;
        c = d;
      }
    }
    if (!worse(best[c], best_index[c], s, j)) { break; }
    best[at * p.stride + i] = best[c];
    best_index[at * p.stride + i] = best_index[c];
    at = child;
  }
  best[at * p.stride + i] = s;
  best_index[at * p.stride + i] = j;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.rows) { return; }
  let own = select(p.columns, p.first_row + i, p.itself == 1u); // the column that does not count
  var j = 0u;
  for (var n = 0u; n < p.k; n++) {
    if (j == own) { j++; }
    best[n * p.stride + i] = known(all[j * p.stride + i] * p.sign);
    best_index[n * p.stride + i] = j;
    j++;
  }
  for (var n = p.k / 2u; n > 0u; n--) {
    let at = (n - 1u) * p.stride + i;
    sink(i, n - 1u, p.k, best[at], best_index[at]);
  }
  var bar = best[i];
  for (; j < p.columns; j++) {
    let s = known(all[j * p.stride + i] * p.sign);
    if (s > bar && j != own) {
      sink(i, 0u, p.k, s, j);
      bar = best[i];
    }
  }
  for (var n = p.k; n > 0u; n--) { // the worst goes last, and what was last sinks into the heap of the rest
    let to = (p.first_row + i) * p.k + n - 1u;
    scores[to] = select(best[i] * p.sign, as_nan(best[i]), best[i] == OF_NAN);
    indices[to] = i32(best_index[i]);
    let last = (n - 1u) * p.stride + i;
    sink(i, 0u, n - 1u, best[last], best_index[last]);
  }
}
