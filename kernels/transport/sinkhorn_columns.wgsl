// sum_n v_n 2^(l_nk) = sum[k] 2^top[k], l_nk = scale s_nk + e_n + e_k, over one slice of the rows n
// One lane a column: neighbours read neighbours.
// @use grid scaling_sum
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, slices: u32, slice_rows: u32, first_slice: u32, scale: f32, rest: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> u: array<vec2f>; // (e, r) of the rows
@group(0) @binding(3) var<storage, read> w: array<vec2f>; // of the columns
@group(0) @binding(4) var<storage, read_write> partial: array<f32>; // [slices of all launches, 2, columns]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let slice = group % p.slices;
  let k = (group / p.slices) * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  let own = w[k].x;
  let end = min((slice + 1u) * p.slice_rows, p.rows);
  var sum = vec2f(FLOOR, 0.0);
  for (var first = slice * p.slice_rows; first < end; first += 4u * SUMMED) {
    var some = vec2f(FLOOR, 0.0);
    for (var n = first; n < min(first + 4u * SUMMED, end); n += 4u) {
      let at = vec4u(n, n + 1u, n + 2u, n + 3u);
      let clamped = min(at, vec4u(end - 1u));
      let row = clamped * p.columns + vec4u(k);
      let s = vec4f(scores[row.x], scores[row.y], scores[row.z], scores[row.w]);
      let a = u[clamped.x];
      let b = u[clamped.y];
      let c = u[clamped.z];
      let d = u[clamped.w];
      some = added(some, s, vec4f(own) + vec4f(a.x, b.x, c.x, d.x), vec4f(a.y, b.y, c.y, d.y), at >= vec4u(end));
    }
    sum = joined(sum, some);
  }
  let at = (p.first_slice + slice) * 2u * p.columns + k;
  partial[at] = sum.x;
  partial[at + p.columns] = sum.y;
}
