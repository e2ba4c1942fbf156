// Parts of sum_j 2^(l_ij) for every row i, and of sum_i 2^(l_ij) for every column j, i != j, from one evaluation of
// each tile; l_ij = scale a_i.b_j / ln 2. A part is a top and the sum of 2^(l - top). Two powers a pair: one constant
// shift would need only one, but serves no scale above 43, and saves lavapipe nothing (24 ms a forward of 1,024 x 128, not 21).
// One workgroup sweeps TILE_ROWS rows of a panel through a slice of the columns. Every lane keeps a part of its own for
// each of its rows, and one for each of its columns a tile, which the next kernel merges: nothing crosses lanes.
// The kernel says how `scores` are made, and what `store_in_cache` does with them.
// @use grid tile
const LOG2E: f32 = 1.4426950408889634;
const FLOOR: f32 = -1e30; // top of a part without entries

struct Params {
  first_group: u32, end_group: u32,
  n: u32, depth: u32, lhs_stride4: u32, rhs_stride4: u32, first: u32, count: u32, slices: u32, slice_columns: u32,
  width4: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // a, [depth, 4 lhs_stride4]
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // b, [depth, 4 rhs_stride4]
@group(0) @binding(3) var<storage, read> logit_scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> row_parts: array<f32>; // [slices, WX, 2, count]
@group(0) @binding(5) var<storage, read_write> column_parts: array<vec4f>; // [count / TM, 2, 4 width4]

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let slice = group % p.slices;
  let own = (group / p.slices) * TILE_ROWS + local.y * TM; // within the panel
  let row = p.first + own;
  let end = min((slice + 1u) * p.slice_columns, p.n);
  let k = vec4f(LOG2E * logit_scale[0]);
  var top: array<f32, TM>;
  var total: array<f32, TM>;
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    top[m] = FLOOR;
    total[m] = 0.0;
  }
  for (var left = slice * p.slice_columns; left < end; left += TILE_COLUMNS) {
    let column4 = left / 4u + local.x;
    var c: array<vec4f, TILE_BLOCK>;
    tile_clear(&c);
    scores(&c, row, column4);
    store_in_cache(&c, 0u, row, column4);
    var high: array<vec4f, TV>;
    var down: array<vec4f, TV>;
    // @unroll
    for (var v = 0u; v < TV; v++) {
      high[v] = vec4f(FLOOR);
      down[v] = vec4f();
    }
    // @unroll REGISTERS or loop
    for (var m = 0u; m < TM; m++) {
      var across = vec4f(FLOOR);
      // @unroll
      for (var v = 0u; v < TV; v++) {
        let l = select(c[m * TV + v] * k, vec4f(FLOOR), skipped(row + m, column4 + v * WX));
        c[m * TV + v] = l;
        across = max(across, l);
        high[v] = max(high[v], l);
      }
      let higher = max(top[m], max(max(across.x, across.y), max(across.z, across.w)));
      total[m] *= exp2(top[m] - higher);
      top[m] = higher;
    }
    // @unroll REGISTERS or loop
    for (var m = 0u; m < TM; m++) {
      var e = vec4f();
      // @unroll
      for (var v = 0u; v < TV; v++) {
        let skip = c[m * TV + v] == vec4f(FLOOR);
        e += select(exp2(c[m * TV + v] - top[m]), vec4f(), skip);
        down[v] += select(exp2(c[m * TV + v] - high[v]), vec4f(), skip);
      }
      total[m] += (e.x + e.y) + (e.z + e.w);
    }
    // @unroll
    for (var v = 0u; v < TV; v++) {
      if (column4 + v * WX < p.width4 && own < p.count) {
        let at = (own / TM) * 2u * p.width4 + column4 + v * WX;
        column_parts[at] = high[v];
        column_parts[at + p.width4] = down[v];
      }
    }
  }
  // @unroll REGISTERS or loop
  for (var m = 0u; m < TM; m++) {
    if (own + m < p.count) {
      let at = (slice * WX + local.x) * 2u * p.count + own + m;
      row_parts[at] = top[m];
      row_parts[at + p.count] = total[m];
    }
  }
}

fn skipped(i: u32, j4: u32) -> vec4<bool> {
  let j = vec4u(4u * j4) + vec4u(0u, 1u, 2u, 3u);
  let blank = i >= p.first + p.count; // a tile may be taller than the panel
  return (j == vec4u(i)) | (j >= vec4u(p.n)) | vec4<bool>(blank);
}

// @kernel cross_pass cross_products cache_nothing
// @kernel cross_pass_gap cross_gaps cache_nothing
// @kernel cross_pass_gap_cached cross_gaps cache_products
// @kernel cross_pass_cached cross_products cache_products
