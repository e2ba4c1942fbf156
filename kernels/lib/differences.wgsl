// c += sum_k w_ik (own[i, d] - rhs[k, d]), a register tile from (row, 4 column4) on
// As r_i (own_i - a) - sum_k w_ik (rhs_k - a), r_i = sum_k w_ik and a the first of the own rows: half the arithmetic, and
// `own` is read once. Where the two terms cancel, as among near points, these four columns are computed once more, from the
// differences own - rhs themselves (docs/numerics.md, section 2). Which ones are does not depend on the tile.
// The kernel declares `own` and `rhs` as rows of vec4s, where they start in its Params, and how w lies: pair_weights.
// Along k in spans, as every long sum of products.
// @use tile_shape broadcast_left
const CANCELS: f32 = 0.0625;

fn differences(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  var anchor: array<vec4f, TV>;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    anchor[v] = own[p.own_at4 + column4 + v * WX];
  }
  var totals = array<vec4f, TM4>();
  var weighted: array<vec4f, TILE_BLOCK>;
  tile_clear(&weighted);
  let own_lane = broadcast_lane();
  var mine: array<vec4f, TM4>;
  for (var first = 0u; first < p.depth; first += TILE_SPAN) {
    var some = array<vec4f, TM4>(); // with a value: it would keep that of the iteration before
    var part: array<vec4f, TILE_BLOCK>;
    tile_clear(&part);
    for (var k = first; k < min(first + TILE_SPAN, p.depth); k++) {
      if (k % BROADCAST_LANES == 0u) { mine = pair_weights(row, k + own_lane % BROADCAST_LANES); } // past the depth: not broadcast
      let w = broadcast_left(mine, own_lane, k % BROADCAST_LANES);
      // @unroll
      for (var i = 0u; i < TM / 4; i++) {
        some[i] += w[i];
      }
      // @unroll
      for (var v = 0u; v < TV; v++) {
        let other = rhs[p.rhs_at4 + k * p.rhs_stride4 + column4 + v * WX] - anchor[v];
        // @unroll
        for (var m = 0u; m < TM; m++) {
          part[m * TV + v] = fma(vec4f(w[m / 4u][m % 4u]), other, part[m * TV + v]);
        }
      }
    }
    // @unroll
    for (var i = 0u; i < TM / 4; i++) {
      totals[i] += some[i];
    }
    tile_add(&weighted, &part);
  }
  var cancelling = 0u; // a bit for each four columns
  // @unroll
  for (var m = 0u; m < TM; m++) {
    // @unroll
    for (var v = 0u; v < TV; v++) {
      let i = m * TV + v;
      let own_term = totals[m / 4u][m % 4u] * (own_four(row + m, column4 + v * WX) - anchor[v]);
      let left = own_term - weighted[i];
      let cancels = largest(left) < CANCELS * largest(abs(own_term) + abs(weighted[i]));
      cancelling |= select(0u, 1u << i, cancels);
      (*c)[i] += select(left, vec4f(), cancels);
    }
  }
  if (cancelling != 0u) { recompute_differences(c, row, column4, cancelling); }
}

fn recompute_differences(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32, cancelling: u32) {
  var mine: array<vec4f, TILE_BLOCK>;
  var weighted: array<vec4f, TILE_BLOCK>;
  tile_clear(&weighted);
  // @unroll
  for (var m = 0u; m < TM; m++) {
    // @unroll
    for (var v = 0u; v < TV; v++) {
      mine[m * TV + v] = own_four(row + m, column4 + v * WX);
    }
  }
  for (var first = 0u; first < p.depth; first += TILE_SPAN) {
    var part: array<vec4f, TILE_BLOCK>;
    tile_clear(&part);
    for (var k = first; k < min(first + TILE_SPAN, p.depth); k++) {
      let w = pair_weights(row, k);
      // @unroll
      for (var v = 0u; v < TV; v++) {
        let other = rhs[p.rhs_at4 + k * p.rhs_stride4 + column4 + v * WX];
        // @unroll
        for (var m = 0u; m < TM; m++) {
          part[m * TV + v] = fma(vec4f(w[m / 4u][m % 4u]), mine[m * TV + v] - other, part[m * TV + v]);
        }
      }
    }
    tile_add(&weighted, &part);
  }
  // @unroll
  for (var i = 0u; i < TM * TV; i++) {
    (*c)[i] += select(vec4f(), weighted[i], (cancelling & (1u << i)) != 0u);
  }
}

fn own_four(row: u32, at4: u32) -> vec4f { return own[p.own_at4 + row * p.own_stride4 + at4]; }

fn largest(four: vec4f) -> f32 {
  let size = abs(four);
  return max(max(size.x, size.y), max(size.z, size.w));
}
