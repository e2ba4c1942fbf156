// out[i, d] = share dy u_i sum_k w_k K_ki (own[i, d] - rhs[k, d]) (+ out[i, d]), K the cached powers of a plan
// As differences, and without a plan in memory: its factors join where they are few. Where what is cached is the plan itself
// (WIDE: cached_plan made it), they are taken for 1; LESS_1 powers are cached as what they are above 1.
// @use differences tile_main narrow
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, strips: u32, first_row: u32, first_k: u32,
  lhs_at: u32, lhs_row: u32, lhs_k: u32, rhs_at4: u32, rhs_stride4: u32, own_at4: u32, own_stride4: u32,
  out_at: u32, out_stride: u32,
  scale: f32, accumulating: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<f32>; // K_ki at lhs_at + i lhs_row + k lhs_k
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // [depth, 4 rhs_stride4]
@group(0) @binding(3) var<storage, read> own: array<vec4f>; // [rows, 4 own_stride4]
@group(0) @binding(4) var<storage, read> form: array<u32>;
@group(0) @binding(5) var<storage, read> u: array<f32>; // plain factors of the rows, from p.first_row on
@group(0) @binding(6) var<storage, read> w: array<f32>; // of the k, from p.first_k on
@group(0) @binding(7) var<storage, read> dy: array<f32>; // one number
@group(0) @binding(8) var<storage, read_write> out: array<f32>;

fn gather(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  differences(c, row, column4);
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    let factor = dy[0] * factor_of(u[p.first_row + min(row + m, p.rows - 1u)]);
    // @unroll
    for (var v = 0u; v < TV; v++) {
      (*c)[m * TV + v] *= factor;
    }
  }
}

fn factor_of(point: f32) -> f32 { return select(point, 1.0, form[FORM] == WIDE); }

fn pair_weights(row: u32, k: u32) -> vec4f {
  let factor = factor_of(w[p.first_k + k]);
  let less = select(0.0, 1.0, form[FORM] == LESS_1);
  let at = p.lhs_at + row * p.lhs_row + k * p.lhs_k;
  let powers = vec4f(lhs[at], lhs[at + p.lhs_row], lhs[at + 2u * p.lhs_row], lhs[at + 3u * p.lhs_row]);
  return factor * (powers + less);
}
