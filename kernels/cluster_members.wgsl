// members[starts[k] ..] = the rows assigned to cluster k, in their order
// One lane a block of rows, from where the blocks before it end.
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, clusters: u32, blocks: u32, block_rows: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> assignments: array<i32>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> counts: array<u32>; // [blocks, clusters]: where the next of a block goes
@group(0) @binding(4) var<storage, read_write> members: array<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let b = group * WG + lane;
  if (group >= p.end_group || b >= p.blocks) { return; }
  for (var i = b * p.block_rows; i < min((b + 1u) * p.block_rows, p.rows); i++) {
    let k = u32(assignments[i]);
    let next = counts[b * p.clusters + k];
    members[starts[k] + next] = i;
    counts[b * p.clusters + k] = next + 1u;
  }
}
