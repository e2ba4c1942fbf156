// lse[i] = ln 2 (top[i] + log2(sum[i])), the floor -1e30 for a row without any entry
// @use grid
const WG: u32 = 64;
const LN2: f32 = 0.6931471805599453;
const FLOOR: f32 = -1e30;

struct Params { first_group: u32, end_group: u32, rows: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> tops: array<f32>;
@group(0) @binding(2) var<storage, read> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> lse: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.rows) { return; }
  if (sums[i] == 0.0) {
    lse[i] = FLOOR;
  } else {
    lse[i] = LN2 * (tops[i] + log2(sums[i]));
  }
}
