// Rows sorted by their cluster, by counting: sizes, where each cluster starts, the rows in their order
// @use grid

// @kernel cluster_count
// counts[b, k] = rows of block b that are assigned to cluster k; counts start at 0
// One lane a block of rows, so that no two lanes count in one place and every row of a cluster keeps its order.
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

// @kernel cluster_sizes
// sizes[k] = sum over blocks b of counts[b, k]; counts[b, k] becomes the sum of those before b
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

// @kernel cluster_starts
// starts[k] = sum over l < k of sizes[l], empties[k] = number of l < k with sizes[l] = 0; each with its total at the end

struct Params { first_group: u32, end_group: u32, clusters: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> sizes: array<u32>;
@group(0) @binding(2) var<storage, read_write> starts: array<u32>; // [clusters + 1]
@group(0) @binding(3) var<storage, read_write> empties: array<u32>; // [clusters + 1]

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  if (group_number(id, grid) >= p.end_group) { return; }
  var start = 0u;
  var empty = 0u;
  for (var k = 0u; k < p.clusters; k++) {
    starts[k] = start;
    empties[k] = empty;
    start += sizes[k];
    empty += select(0u, 1u, sizes[k] == 0u);
  }
  starts[p.clusters] = start;
  empties[p.clusters] = empty;
}

// @kernel cluster_members
// members[starts[k] ..] = the rows assigned to cluster k, in their order
// One lane a block of rows, from where the blocks before it end.
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
