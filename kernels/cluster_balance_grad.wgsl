// out[k, i] = dy (levels[k] - value) / rows, the gradient of sum_k p_k log(K p_k) w.r.t. the softmax columns
// @use grid
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, clusters: u32, rows: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>; // one number
@group(0) @binding(2) var<storage, read> value: array<f32>; // one number
@group(0) @binding(3) var<storage, read> levels: array<f32>; // [clusters]
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [clusters, rows]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  let k = at / p.rows;
  if (group >= p.end_group || k >= p.clusters) { return; }
  out[at] = dy[0] * (levels[k] - value[0]) / f32(p.rows);
}
