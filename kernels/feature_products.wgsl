// out[k] = scale * sum over i of standard(i, k) standard_other(i, k): the diagonal of the cross-correlation, alone
// @use grid standard_pair
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(5) var<storage, read_write> out: array<f32>; // [columns]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  var sums = vec4f();
  for (var i = 0u; i < p.rows; i++) {
    sums = vec4f(sums.yzw, fma(standard(i, k), standard_other(i, k), sums.x));
  }
  out[k] = ((sums.x + sums.y) + (sums.z + sums.w)) * p.scale;
}
