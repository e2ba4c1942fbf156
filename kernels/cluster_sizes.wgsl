// sizes[k] = sum over blocks b of counts[b, k]; counts[b, k] becomes the sum of those before b
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, clusters: u32, blocks: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> counts: array<u32>; // [blocks, clusters]
@group(0) @binding(2) var<storage, read_write> sizes: array<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.clusters) { return; }
  var before = 0u;
  for (var b = 0u; b < p.blocks; b++) {
    let own = counts[b * p.clusters + k];
    counts[b * p.clusters + k] = before;
    before += own;
  }
  sizes[k] = before;
}
