// farthest[k] = the member of cluster k with the largest squared distance, spreads[k] = that distance; -1 if it is empty
// @use grid
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
