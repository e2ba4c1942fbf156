// g[i, k] = scale (share[i] g[i, k] - positive_weight[i] own[i, k]): the gradient w.r.t. unit row i, from what its columns gathered
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, stride: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> results: array<f32>; // [loss share positive_weight slope, rows]
@group(0) @binding(2) var<storage, read> own: array<f32>; // [rows, columns]
@group(0) @binding(3) var<storage, read_write> g: array<f32>; // [rows, stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  let i = at / p.columns;
  if (group >= p.end_group || i >= p.rows) { return; }
  let to = i * p.stride + at % p.columns;
  g[to] = p.scale * fma(results[p.rows + i], g[to], -results[2u * p.rows + i] * own[at]);
}
