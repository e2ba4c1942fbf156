// c[m * TV + v] += sum_k (lhs[k, 4 row4 + m] - rhs[k, 4 (column4 + v WX) ..+3])^2
// As tile_long_product, but of differences: |a|^2 + |b|^2 - 2 a.b would lose the digits of near points.
// @use tile_shape broadcast_left tile_left tile_right coarse
const DISTANCE_SPAN: u32 = 64; // as TILE_SPAN, but squares have one sign: their sums gather more
const ORIGIN_SPAN: u32 = 8; // its sums start at a share of the origin, and end near 0: the shorter, the smaller

fn tile_distance(c: ptr<function, array<vec4f, TILE_BLOCK>>, lhs_at: u32, lhs_stride: u32, rhs_at: u32, rhs_stride: u32,
                 depth: u32) {
  tile_distance_by(c, array<f32, TM>(), array<vec4f, TV>(), DISTANCE_SPAN, lhs_at, lhs_stride, rhs_at, rhs_stride, depth);
}

// Less an origin, a number a row and one a column: distances near it keep digits that they would round away.
fn tile_distance_from(c: ptr<function, array<vec4f, TILE_BLOCK>>, rows: array<f32, TM>, columns: array<vec4f, TV>, lhs_at: u32,
                      lhs_stride: u32, rhs_at: u32, rhs_stride: u32, depth: u32) {
  tile_distance_by(c, rows, columns, ORIGIN_SPAN, lhs_at, lhs_stride, rhs_at, rhs_stride, depth);
}

fn tile_distance_by(c: ptr<function, array<vec4f, TILE_BLOCK>>, rows: array<f32, TM>, columns: array<vec4f, TV>, span: u32,
                    lhs_at: u32, lhs_stride: u32, rhs_at: u32, rhs_stride: u32, depth: u32) {
  var left = rows;
  var left_columns = columns;
  let own_lane = broadcast_lane();
  let left_row = left_stride(lhs_stride);
  let right_row = right_stride(rhs_stride);
  for (var first = 0u; first < depth; first += span) {
    var part: array<vec4f, TILE_BLOCK>;
    // Shares of few digits, and for the last what is left: they add up to all of it.
    let share = f32(span) / f32(depth);
    let last = first + span >= depth;
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      let own = select(coarse(vec4f(rows[m] * share)).x, left[m], last);
      left[m] -= own;
      // @unroll
      for (var v = 0u; v < TV; v++) {
        part[m * TV + v] = vec4f(-own);
      }
    }
    // @unroll
    for (var v = 0u; v < TV; v++) {
      let own = select(coarse(columns[v] * share), left_columns[v], last);
      left_columns[v] -= own;
      // @unroll REGISTERS
      for (var m = 0u; m < TM; m++) {
        part[m * TV + v] -= own;
      }
    }
    let end = min(first + span, depth);
    for (var k = first; k < end; k += KU) {
      var a = tile_left(lhs_at + k * left_row, left_row, own_lane, end - k);
      var b = tile_right(rhs_at + k * right_row, right_row, end - k);
      tile_squares(&part, &a, &b, own_lane);
    }
    tile_add(c, &part);
  }
}

// as tile_outer, but of squared differences
fn tile_squares(c: ptr<function, array<vec4f, TILE_BLOCK>>, a: ptr<function, Left>, b: ptr<function, array<vec4f, TILE_RIGHT>>,
                own_lane: u32) {
  // @unroll
  for (var m = 0u; m < TM; m++) {
    var left: array<vec4f, KU>;
    // @unroll
    for (var u = 0u; u < KU; u++) {
      left[u] = vec4f(broadcast((*a)[(u * TM4 + m / 4u) / LEFT_LANES][m % 4u], own_lane, (u * TM4 + m / 4u) % LEFT_LANES));
    }
    // @unroll
    for (var v = 0u; v < TV; v++) {
      var sum = (*c)[m * TV + v];
      // @unroll
      for (var u = 0u; u < KU; u++) {
        let apart = left[u] - (*b)[u * TV + v];
        sum = fma(apart, apart, sum);
      }
      (*c)[m * TV + v] = sum;
    }
  }
}
