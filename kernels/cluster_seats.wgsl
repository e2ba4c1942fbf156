// seats[r] = the cluster with the r-th largest spread, of equals the lower one first
// Only where there is an empty cluster to be seated: clusters^2 comparisons are dear.
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, clusters: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> spreads: array<f32>;
@group(0) @binding(2) var<storage, read> empties: array<u32>; // [clusters + 1]
@group(0) @binding(3) var<storage, read_write> seats: array<u32>;

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
  seats[rank] = k;
}
