// c[m * TV + v] += sum_k lhs[k, 4 row4 + m] * rhs[k, 4 (column4 + v WX) ..+3], the left side handed round in the subgroup
// As lib/tile.wgsl, to the bit. The WX lanes that share rows load one k each and shuffle it to the others, so that a lane
// loads the left side once, not WX times. WX <= SUBGROUP, both powers of two.
// @use tile_shape
enable subgroups;
const SUBGROUP: u32 = 8; // @tune 4 8 16 32 64
const PINNED: u32 = 0; // @tune 0 1

fn tile_product(c: ptr<function, array<vec4f, TILE_BLOCK>>, lhs_at: u32, lhs_stride: u32, rhs_at: u32, rhs_stride: u32,
                depth: u32) {
  let own = subgroupExclusiveAdd(1u); // the lane's number in its subgroup
  let first = own - own % WX;
  var l = lhs_at + (own % WX) * lhs_stride;
  var r = rhs_at;
  for (var k = 0u; k < depth; k += WX) {
    var mine: array<vec4f, TM4>;
    // @unroll
    for (var i = 0u; i < TM / 4; i++) {
      mine[i] = vec4f(lhs[l + i]); // past the depth: not used below
    }
    for (var s = 0u; s < min(WX, depth - k); s++) {
      var a: array<vec4f, TM4>;
      var b: array<vec4f, TV>;
      // @unroll
      for (var i = 0u; i < TM / 4; i++) {
        a[i] = subgroupShuffle(mine[i], first + s);
      }
      // @unroll
      for (var v = 0u; v < TV; v++) {
        b[v] = vec4f(rhs[r + v * WX]);
      }
      // @unroll
      for (var m = 0u; m < TM; m++) {
        // @unroll
        for (var v = 0u; v < TV; v++) {
          (*c)[m * TV + v] = fma(vec4f(a[m / 4u][m % 4u]), b[v], (*c)[m * TV + v]);
        }
      }
      r += rhs_stride;
    }
    l += WX * lhs_stride;
  }
}
