// sums[s, 0, k] = sum over the rows i of slice s of pulled(i, k), sums[s, 1, k] = that of pulled(i, k) standard(i, k)
// What the gradient through the standardisation takes off: see standard_grad.wgsl.
// @use grid standard_pull
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, slice_rows: u32, strips: u32, factor: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(7) var<storage, read_write> sums: array<f32>; // [slices, 2, columns]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = (group % p.strips) * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  let slice = group / p.strips;
  let first = slice * p.slice_rows;
  let end = min(first + p.slice_rows, p.rows);
  let f = feature(k);
  let o = other_feature(k);
  let share = own[k];
  var total = vec4f();
  var along = vec4f();
  for (var i = first; i < end; i++) {
    let pull = pulled(o, share, i, k);
    total = vec4f(total.yzw, total.x + pull);
    along = vec4f(along.yzw, fma(pull, standard(f, i, k), along.x));
  }
  sums[2u * slice * p.columns + k] = (total.x + total.y) + (total.z + total.w);
  sums[(2u * slice + 1u) * p.columns + k] = (along.x + along.y) + (along.z + along.w);
}
