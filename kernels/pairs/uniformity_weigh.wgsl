// weigh: squared distances of rows j and columns i become w_ji = 2 exp(-|u_i - u_j|^2 / (2 tau)) / Z, in place; 0 for i = j
// The kernel declares `weighing`, see uniformity.wgsl, and `temperature`.
// @use tile_shape
const LOG2E: f32 = 1.4426950408889634;

fn weigh(c: ptr<function, array<vec4f, TILE_BLOCK>>, j0: u32, i4: u32) {
  let k = vec4f(0.5 * LOG2E / temperature[0]);
  let top = weighing[0];
  let factor = weighing[1];
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let i = vec4u(4u * (i4 + v * WX)) + vec4u(0u, 1u, 2u, 3u);
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      let j = j0 + m;
      let blank = j >= p.n;
      let skip = (i == vec4u(j)) | (i >= vec4u(p.n)) | vec4<bool>(blank);
      let w = factor * exp2(min((-(*c)[m * TV + v] - top) * k, vec4f()));
      (*c)[m * TV + v] = select(w, vec4f(), skip);
    }
  }
}
