// starts[k] = sum over l < k of sizes[l], empties[k] = number of l < k with sizes[l] = 0; each with its total at the end
// @use grid

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
