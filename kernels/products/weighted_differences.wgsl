// out[i, d] = scale * sum_k w_ik (own[i, d] - rhs[k, d]) (+ out[i, d])
// The kernel says how w lies in lhs.
// @use differences tile_main
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

fn gather(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  differences(c, row, column4);
}

// @kernel differences
// out[i, d] = scale * sum_k lhs[k, i] (own[i, d] - rhs[k, d]) (+ out[i, d])
fn pair_weights(row: u32, k: u32) -> vec4f { return lhs[p.lhs_at4 + k * p.lhs_stride4 + row / 4u]; }

// @kernel differences_rows
// out[i, d] = scale * sum_k lhs[i, k] (own[i, d] - rhs[k, d]) (+ out[i, d])
fn pair_weights(row: u32, k: u32) -> vec4f {
  let at = p.lhs_at4 + row * p.lhs_stride4 + k / 4u;
  let q = k % 4u;
  return vec4f(lhs[at][q], lhs[at + p.lhs_stride4][q], lhs[at + 2u * p.lhs_stride4][q], lhs[at + 3u * p.lhs_stride4][q]);
}
