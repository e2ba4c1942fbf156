// weigh: squared distances of rows j and columns i become w_ji = 2 exp(-|u_i - u_j|^2 / (2 tau)) / Z, in place; 0 for i = j
// The kernel declares `log2_z`, one number, and `temperature`.
// @use tile_shape
const LOG2E: f32 = 1.4426950408889634;

fn weigh(c: ptr<function, array<vec4f, TILE_BLOCK>>, j0: u32, i4: u32) {
  let k = -0.5 * (LOG2E / temperature[0]);
  let z = log2_z[0];
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let i = vec4u(4u * (i4 + v * WX)) + vec4u(0u, 1u, 2u, 3u);
    // @unroll
    for (var m = 0u; m < TM; m++) {
      let j = j0 + m;
      let blank = j >= p.n;
      let skip = (i == vec4u(j)) | (i >= vec4u(p.n)) | vec4<bool>(blank);
      let w = 2.0 * exp2(min(fma((*c)[m * TV + v], vec4f(k), vec4f(-z)), vec4f()));
      (*c)[m * TV + v] = select(w, vec4f(), skip);
    }
  }
}
