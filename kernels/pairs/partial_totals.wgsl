// statistics[first + i] = (sum of e_ij, top, 0, 0) from a sweep over the triangle, e_ij = exp((s_ij - top) / tau), top = 1
// @use grid partial_sum
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  n: u32, blocks: u32, edge: u32, slots: u32, partial_stride: u32, start: u32, first: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>; // from `start` on: [blocks, slots, partial_stride]
@group(0) @binding(2) var<storage, read_write> statistics: array<vec4f>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.n) { return; }
  statistics[p.first + i] = vec4f(partial_sum(i, p.start), 1.0, 0.0, 0.0);
}
