// out[i, d] = scale * sum_k w_ik (own[i, d] - rhs[k, d]) (+ out[i, d])
// The kernel says how w lies in lhs.
// @use grid differences store_product
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, strips: u32,
  lhs_at4: u32, lhs_stride4: u32, rhs_at4: u32, rhs_stride4: u32, own_at4: u32, own_stride4: u32,
  out_at: u32, out_stride: u32,
  scale: f32, accumulating: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>;
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // [depth, 4 rhs_stride4]
@group(0) @binding(3) var<storage, read> own: array<vec4f>; // [rows, 4 own_stride4]
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = (group / p.strips) * TILE_ROWS + local.y * TM;
  let column4 = (group % p.strips) * (TILE_COLUMNS / 4u) + local.x;
  var c: array<vec4f, TILE_BLOCK>;
  differences(&c, row, column4);
  store_product(&c, row, column4);
}
