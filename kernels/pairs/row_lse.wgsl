// lse[i] = |scale| top[i] + log(sum[i]) of a row pass, or what `none` has the bits of where a row has no entry above -1e30
// @use grid finite
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, scale: f32, none: u32 }
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
  let sum = sums[i];
  if (sum == 0.0) {
    lse[i] = bitcast<f32>(p.none);
  } else if (bitcast<u32>(tops[i]) == 0x7f800000u) {
    lse[i] = tops[i]; // Infinity: the sum, relative to it, is none
  } else {
    lse[i] = poisoned(fma(abs(p.scale), tops[i], log(sum)), sum);
  }
}
