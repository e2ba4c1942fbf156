// out[i, j] = x[i, j], and column[i] in one more column behind
// @use grid
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, count: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> column: array<f32>; // [rows]
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [rows, columns + 1]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  if (group >= p.end_group || at >= p.count) { return; }
  let i = at / (p.columns + 1u);
  let j = at % (p.columns + 1u);
  if (j < p.columns) {
    out[at] = x[i * p.columns + j];
  } else {
    out[at] = column[i];
  }
}
