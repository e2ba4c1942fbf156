// c += sum_k w_ik (own[i, d] - rhs[k, d]), a register tile from (row, 4 column4) on
// As r_i (own_i - a) - sum_k w_ik (rhs_k - a), r_i = sum_k w_ik and a the first of the own rows: half the arithmetic, and
// `own` is read once. Where the two terms cancel, as among near points, these four columns are computed once more, from the
// differences own - rhs themselves (docs/numerics.md, section 2). Which ones are does not depend on the tile.
// The kernel declares `own` and `rhs` as rows of vec4s, where they start in its Params, and how w lies: pair_weights gives those
// of four rows at one k.
// Along k in spans, as every long sum of products.
// @use tile_shape broadcast_left tile_right
const CANCELS: f32 = 0.0625;

fn differences(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  var anchor: array<vec4f, TV>;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    anchor[v] = own[p.own_at4 + column4 + v * WX];
  }
  var totals: array<f32, TM>;
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    totals[m] = 0.0;
  }
  var weighted: array<vec4f, TILE_BLOCK>;
  tile_clear(&weighted);
  let own_lane = broadcast_lane();
  for (var first = 0u; first < p.depth; first += TILE_SPAN) {
    var some: array<f32, TM>;
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      some[m] = 0.0; // with a value: it would keep that of the iteration before
    }
    var part: array<vec4f, TILE_BLOCK>;
    tile_clear(&part);
    let end = min(first + TILE_SPAN, p.depth);
    for (var k = first; k < end; k += KU) {
      var w: Left;
      // @unroll
      for (var q = 0u; q < LEFT_LOADS; q++) {
        let f = q * LEFT_LANES + own_lane % LEFT_LANES;
        w[q] = select(vec4f(), pair_weights(row + 4u * (f % TM4), k + f / TM4), KU == 1u || k + f / TM4 < end);
      }
      let others = tile_right(p.rhs_at4 + k * p.rhs_stride4 + column4, p.rhs_stride4, end - k);
      // @unroll
      for (var m = 0u; m < TM; m++) {
        var left: array<f32, KU>;
        // @unroll
        for (var u = 0u; u < KU; u++) {
          left[u] = broadcast(w[(u * TM4 + m / 4u) / LEFT_LANES][m % 4u], own_lane, (u * TM4 + m / 4u) % LEFT_LANES);
          some[m] += left[u];
        }
        // @unroll
        for (var v = 0u; v < TV; v++) {
          var sum = part[m * TV + v];
          // @unroll
          for (var u = 0u; u < KU; u++) {
            sum = fma(vec4f(left[u]), others[u * TV + v] - anchor[v], sum);
          }
          part[m * TV + v] = sum;
        }
      }
    }
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      totals[m] += some[m];
    }
    tile_add(&weighted, &part);
  }
  var cancelling = 0u; // a bit for each four columns
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    // @unroll
    for (var v = 0u; v < TV; v++) {
      let i = m * TV + v;
      let own_term = totals[m] * (own_four(row + m, column4 + v * WX) - anchor[v]);
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
  // @unroll REGISTERS
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
      // @unroll
      for (var v = 0u; v < TV; v++) {
        let other = rhs[p.rhs_at4 + k * p.rhs_stride4 + column4 + v * WX];
        // @unroll REGISTERS
        for (var i = 0u; i < TM / 4; i++) {
          let w = pair_weights(row + 4u * i, k);
          // @unroll
          for (var q = 0u; q < 4; q++) {
            let at = (4u * i + q) * TV + v;
            part[at] = fma(vec4f(w[q]), mine[at] - other, part[at]);
          }
        }
      }
    }
    tile_add(&weighted, &part);
  }
  // @unroll REGISTERS
  for (var i = 0u; i < TM * TV; i++) {
    (*c)[i] += select(vec4f(), weighted[i], (cancelling & (1u << i)) != 0u);
  }
}

fn own_four(row: u32, at4: u32) -> vec4f { return own[p.own_at4 + row * p.own_stride4 + at4]; }

fn largest(four: vec4f) -> f32 {
  let size = abs(four);
  return max(max(size.x, size.y), max(size.z, size.w));
}
