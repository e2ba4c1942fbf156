// t_ji = |b_j - a_i|^2, both k-major, in place of the powers where those are WIDE; else nothing
// By a loop over a copy, as store_product.
// @use grid tile_distance narrow
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, depth: u32, strips: u32, lhs_stride4: u32, rhs_stride4: u32, stride4: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // b, [depth, 4 lhs_stride4]
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // a, [depth, 4 rhs_stride4]
@group(0) @binding(3) var<storage, read> form: array<u32>;
@group(0) @binding(4) var<storage, read_write> scores: array<vec4f>; // K, then t, [rows, stride4]

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group || form[WIDE] == 0u) { return; }
  let row = (group / p.strips) * TILE_ROWS + local.y * TM;
  let column4 = (group % p.strips) * (TILE_COLUMNS / 4u) + local.x;
  var c: array<vec4f, TILE_BLOCK>;
  tile_clear(&c);
  tile_distance(&c, row / 4u, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
  var copy: array<vec4f, TILE_BLOCK>;
  // @unroll
  for (var i = 0u; i < TM * TV; i++) {
    copy[i] = c[i];
  }
  for (var i = 0u; i < TM * TV; i++) {
    let to = row + i / TV;
    let at = column4 + (i % TV) * WX;
    if (to < p.rows && at < p.stride4) { scores[to * p.stride4 + at] = copy[i]; }
  }
}
