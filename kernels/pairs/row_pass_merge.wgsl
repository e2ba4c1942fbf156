// top[i], sum[i], weighted[i] = those of all slices of row i together, in the order of the slices
// @use grid merge_rows
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, slices: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>; // [slices, 3, rows]
@group(0) @binding(2) var<storage, read> temperature: array<f32>;
@group(0) @binding(3) var<storage, read_write> top: array<f32>;
@group(0) @binding(4) var<storage, read_write> sum: array<f32>;
@group(0) @binding(5) var<storage, read_write> weighted: array<f32>;

const LOG2E: f32 = 1.4426950408889634;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.rows) { return; }
  let k = abs(p.scale) * LOG2E / temperature[0];
  var merged = RowSums(FLOOR, 0.0, 0.0);
  for (var slice = 0u; slice < p.slices; slice++) {
    let at = slice * 3u * p.rows + i;
    merged = merge_rows(merged, RowSums(partial[at], partial[at + p.rows], partial[at + 2u * p.rows]), k);
  }
  top[i] = merged.top;
  sum[i] = merged.sum;
  weighted[i] = merged.weighted;
}
