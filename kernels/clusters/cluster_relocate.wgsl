// Empty clusters move to where others are widest
// @use grid

// @kernel cluster_widest
// widest[r] = the cluster with the r-th largest spread, of equals the lower one first
// Only where there is an empty cluster to be relocated: clusters^2 comparisons are dear.
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, clusters: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> spreads: array<f32>;
@group(0) @binding(2) var<storage, read> empties: array<u32>; // [clusters + 1]
@group(0) @binding(3) var<storage, read_write> widest: array<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.clusters || empties[p.clusters] == 0u) { return; }
  let own = spreads[k];
  var rank = 0u;
  for (var l = 0u; l < p.clusters; l++) {
    rank += select(0u, 1u, spreads[l] > own || (spreads[l] == own && l < k));
  }
  widest[rank] = k;
}

// @kernel cluster_farthest
// farthest[k] = the member of cluster k with the largest squared distance, spreads[k] = that distance; -1 if it is empty
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, clusters: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> distances: array<f32>;
@group(0) @binding(2) var<storage, read> starts: array<u32>; // [clusters + 1]
@group(0) @binding(3) var<storage, read> members: array<u32>;
@group(0) @binding(4) var<storage, read_write> farthest: array<u32>;
@group(0) @binding(5) var<storage, read_write> spreads: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.clusters) { return; }
  var most = -1.0;
  var at = 0u;
  for (var n = starts[k]; n < starts[k + 1u]; n++) {
    let i = members[n];
    if (distances[i] > most) {
      most = distances[i];
      at = i;
    }
  }
  farthest[k] = at;
  spreads[k] = most;
}

// @kernel cluster_relocate finite
// centroids[k] = x[farthest[widest[e]]] for the e-th empty cluster k: it moves to where a cluster is widest
// What is not finite stays, to be seen.
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, clusters: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> sizes: array<u32>;
@group(0) @binding(3) var<storage, read> empties: array<u32>; // [clusters + 1]
@group(0) @binding(4) var<storage, read> widest: array<u32>;
@group(0) @binding(5) var<storage, read> spreads: array<f32>;
@group(0) @binding(6) var<storage, read> farthest: array<u32>;
@group(0) @binding(7) var<storage, read_write> centroids: array<f32>; // [clusters, columns]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  let k = at / p.columns;
  if (group >= p.end_group || k >= p.clusters || sizes[k] > 0u || not_finite(centroids[at])) { return; }
  let wide = widest[empties[k]];
  if (spreads[wide] <= 0.0) { return; } // fewer distinct rows than clusters: it stays empty
  centroids[at] = x[farthest[wide] * p.columns + at % p.columns];
}
