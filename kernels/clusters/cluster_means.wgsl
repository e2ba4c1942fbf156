// centroids[k, d] = mean over the members i of cluster k of x[i, d]; an empty cluster keeps what it has
// The first member is taken off before the sum, so that a large mean costs no digits.
// A centroid that is no number stays none: the mean of the rows that it drew would heal it.
// @use grid finite
const WG: u32 = 64;
const BLOCK: u32 = 64; // as in class_sums

struct Params { first_group: u32, end_group: u32, clusters: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> starts: array<u32>; // [clusters + 1]
@group(0) @binding(3) var<storage, read> members: array<u32>;
@group(0) @binding(4) var<storage, read_write> centroids: array<f32>; // [clusters, columns]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  let k = at / p.columns;
  if (group >= p.end_group || k >= p.clusters) { return; }
  let d = at % p.columns;
  let first = starts[k];
  let end = starts[k + 1u];
  if (first == end) { return; }
  let origin = x[members[first] * p.columns + d];
  var sum = 0.0;
  for (var n = first + 1u; n < end;) {
    let last = min(n + BLOCK * BLOCK, end);
    var some = 0.0;
    while (n < last) {
      let stop = min(n + BLOCK, last);
      var part = 0.0;
      for (; n < stop; n++) { part += x[members[n] * p.columns + d] - origin; }
      some += part;
    }
    sum += some;
  }
  centroids[at] = poisoned(origin + sum / f32(end - first), centroids[at]);
}
