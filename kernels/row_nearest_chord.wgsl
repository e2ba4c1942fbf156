// nearest[i] = argmax over j of the cosine of z_i and z_j, in parts, by s_ij = |u_i - u_j|^2 = 2 - 2 cos
// By differences, since products of near rows differ in digits that f32 does not have. A row whose norm the floor replaced
// is no unit row: from others it counts as 2 away (cosine 0), and itself it goes by products.
// @use row_nearest tile_distance
// Its products come under a condition that lanes do not share: they could not shuffle.
// @without SUBGROUP
@group(0) @binding(5) var<storage, read> inverse_norms: array<f32>; // not above 0 where the floor acted

fn scores(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  tile_distance(c, row / 4u, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
  let last = p.columns - 1u;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let j = min(vec4u(4u * (column4 + v * WX)) + vec4u(0u, 1u, 2u, 3u), vec4u(last));
    let inverse = vec4f(inverse_norms[j.x], inverse_norms[j.y], inverse_norms[j.z], inverse_norms[j.w]);
    // @unroll
    for (var m = 0u; m < TM; m++) {
      (*c)[m * TV + v] = select((*c)[m * TV + v], vec4f(2.0), inverse <= vec4f());
    }
  }
  var floored = false;
  for (var m = 0u; m < TM; m++) { floored = floored || inverse_norms[min(row + m, last)] <= 0.0; }
  if (!floored) { return; }
  var products: array<vec4f, TILE_BLOCK>;
  tile_clear(&products);
  tile_product(&products, row / 4u, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
  // @unroll
  for (var m = 0u; m < TM; m++) {
    let own = inverse_norms[min(row + m, last)] <= 0.0;
    // @unroll
    for (var v = 0u; v < TV; v++) {
      (*c)[m * TV + v] = select((*c)[m * TV + v], -products[m * TV + v], vec4<bool>(own));
    }
  }
}
