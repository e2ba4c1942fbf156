// centroids[k] = x[farthest[seats[e]]] for the e-th empty cluster k: it moves to where a cluster is widest
// What is not finite stays, to be seen.
// @use grid finite
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, clusters: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> sizes: array<u32>;
@group(0) @binding(3) var<storage, read> empties: array<u32>; // [clusters + 1]
@group(0) @binding(4) var<storage, read> seats: array<u32>;
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
  let wide = seats[empties[k]];
  if (spreads[wide] <= 0.0) { return; } // fewer distinct rows than clusters: it stays empty
  centroids[at] = x[farthest[wide] * p.columns + at % p.columns];
}
