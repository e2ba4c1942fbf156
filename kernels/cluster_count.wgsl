// counts[b, k] = rows of block b that are assigned to cluster k; counts start at 0
// One lane a block of rows, so that no two lanes count in one place and every row of a cluster keeps its order.
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, clusters: u32, blocks: u32, block_rows: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> assignments: array<i32>;
@group(0) @binding(2) var<storage, read_write> counts: array<u32>; // [blocks, clusters]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let b = group * WG + lane;
  if (group >= p.end_group || b >= p.blocks) { return; }
  for (var i = b * p.block_rows; i < min((b + 1u) * p.block_rows, p.rows); i++) {
    counts[b * p.clusters + u32(assignments[i])] += 1u;
  }
}
