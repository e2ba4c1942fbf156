// sum_j (1 + r_j) 2^(l_ij) = sum[i] 2^top[i], l_ij = scale s_ij + e_i + e_j, over one slice of the columns j
// Every lane keeps a running integer maximum and what it summed over its own columns; the update adds them up in order.
// Where all costs are small against epsilon (SMALL_COSTS), sum[i] is that of what the terms are above 1. The kernel says
// what `scores` adds to a tile, products or distances, and whether costs may be small.
// @use grid tile scaling solver_state powers_less_1
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, lhs_stride4: u32, rhs_stride4: u32, slices: u32, slice_columns: u32,
  scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // [depth, 4 lhs_stride4]
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // [depth, 4 rhs_stride4]
@group(0) @binding(3) var<storage, read> own: array<vec2f>; // (e, r) of the rows
@group(0) @binding(4) var<storage, read> other: array<vec4f>; // those of two columns each
@group(0) @binding(5) var<storage, read> state: array<f32>;
@group(0) @binding(6) var<storage, read_write> partial: array<f32>; // [slices, WX, 2, rows]

const TILES: u32 = 32; // tiles whose terms are one sum: a longer one would gather the roundings of all

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group || state[STOPPED] != 0.0) { return; }
  let slice = group % p.slices;
  let row = (group / p.slices) * TILE_ROWS + local.y * TM;
  let end = min((slice + 1u) * p.slice_columns, p.columns);
  let k = vec4f(p.scale);
  let small = MAY_BE_SMALL && state[SMALL_COSTS] != 0.0;
  var mine: array<f32, TM>;
  var sums: array<vec2f, TM>;
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    mine[m] = own[min(row + m, p.rows - 1u)].x;
    sums[m] = vec2f(select(FLOOR, 0.0, small), 0.0);
  }
  for (var first = slice * p.slice_columns; first < end; first += TILES * TILE_COLUMNS) {
    var top: array<f32, TM>;
    var total: array<f32, TM>;
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      top[m] = sums[m].x;
      total[m] = 0.0;
    }
    for (var left = first; left < min(first + TILES * TILE_COLUMNS, end); left += TILE_COLUMNS) {
      let column4 = left / 4u + local.x;
      var c: array<vec4f, TILE_BLOCK>;
      tile_clear(&c);
      scores(&c, row / 4u, column4);
      var e: array<vec4f, TV>;
      var factor: array<vec4f, TV>;
      // @unroll
      for (var v = 0u; v < TV; v++) {
        let one = other[2u * (column4 + v * WX)];
        let two = other[2u * (column4 + v * WX) + 1u];
        e[v] = vec4f(one.x, one.z, two.x, two.z);
        factor[v] = vec4f(one.y, one.w, two.y, two.w);
        if (!MAY_BE_SMALL) { factor[v] += 1.0; }
      }
      // @unroll REGISTERS
      for (var m = 0u; m < TM; m++) {
        var high = vec4f(FLOOR);
        // @unroll
        for (var v = 0u; v < TV; v++) {
          let outside = vec4u(4u * (column4 + v * WX)) + vec4u(0u, 1u, 2u, 3u) >= vec4u(p.columns);
          high = max(high, select(fma(c[m * TV + v], k, vec4f(mine[m]) + e[v]), vec4f(FLOOR), outside));
        }
        let higher = select(max(top[m], ceil(max(max(high.x, high.y), max(high.z, high.w)))), 0.0, small);
        total[m] = rescaled(total[m], top[m], higher);
        top[m] = higher;
        var sum = vec4f();
        // @unroll
        for (var v = 0u; v < TV; v++) {
          let outside = vec4u(4u * (column4 + v * WX)) + vec4u(0u, 1u, 2u, 3u) >= vec4u(p.columns);
          // Below an integer top, which leaves the sum before the product exact, a logit of any size keeps its digits.
          let l = fma(c[m * TV + v], k, vec4f(mine[m] - higher) + e[v]);
          let power = exp2(select(l, vec4f(1.0), l > vec4f(1.0))); // min would hide a NaN
          var term = factor[v] * power;
          if (MAY_BE_SMALL) { term = select(fma(factor[v], power, power), less_1(c[m * TV + v] * k, factor[v]), small); }
          sum += select(term, vec4f(), outside);
        }
        total[m] += (sum.x + sum.y) + (sum.z + sum.w);
      }
    }
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      sums[m] = vec2f(top[m], rescaled(sums[m].y, sums[m].x, top[m]) + total[m]);
    }
  }
  let at = (slice * WX + local.x) * 2u * p.rows + row;
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    if (row + m < p.rows) {
      partial[at + m] = sums[m].x;
      partial[at + p.rows + m] = sums[m].y;
    }
  }
}

// @kernel scaling_pass product_scores
// sum_j (1 + r_j) 2^(scale a_i.b_j + e_i + e_j)
const MAY_BE_SMALL: bool = false;

// @kernel scaling_pass_distance distance_scores
// sum_j (1 + r_j) 2^(scale |a_i - b_j|^2 + e_i + e_j)
const MAY_BE_SMALL: bool = true;
