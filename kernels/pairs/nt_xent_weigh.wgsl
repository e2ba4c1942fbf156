// weigh: products of rows j and columns i become w_ji = exp(s_ij / tau) (1/Z_i + 1/Z_j), in place
// 0 for i = j and for a positive pair, whose term is added apart from the rest: see positive_gradient. Two powers rather than one
// shared: both exponents are <= 0, so nothing overflows at any temperature. The kernel declares `log2_z` and `temperature`.
// @use tile_shape mark_partner
const LOG2E: f32 = 1.4426950408889634;

fn weigh(c: ptr<function, array<vec4f, TILE_BLOCK>>, j0: u32, i4: u32) {
  let k = LOG2E / temperature[0];
  let last = p.n - 1u;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let i = vec4u(4u * (i4 + v * WX)) + vec4u(0u, 1u, 2u, 3u);
    let at = min(i, vec4u(last));
    let z_i = vec4f(log2_z[at.x], log2_z[at.y], log2_z[at.z], log2_z[at.w]);
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      let j = j0 + m;
      let positive = row_mark(j);
      let s = (*c)[m * TV + v] * k;
      let clamped = min(j, last);
      let w = exp2(min(s - z_i, vec4f())) + exp2(min(s - log2_z[clamped], vec4f()));
      let blank = j >= p.n;
      let skip = (i == vec4u(j)) | (i == vec4u(positive)) | (i >= vec4u(p.n)) | vec4<bool>(blank);
      (*c)[m * TV + v] = select(w, vec4f(), skip);
    }
  }
}
