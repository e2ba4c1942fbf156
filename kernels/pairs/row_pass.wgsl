// top[i] = max_j +-s_ij, sum[i] = sum_j e_ij, weighted[i] = sum_j e_ij log2 e_ij, e_ij = 2^(k (+-s_ij - top[i])), for one slice of
// the columns j; k = |scale| / (temperature ln 2), and +- is the sign of scale: see merge_rows.
// One workgroup sweeps TILE_ROWS rows through one slice; each invocation keeps a running maximum over its own columns,
// and they meet once, at the end. A skipped pair joins neither maximum nor sum; a row without any keeps the floor.
// The kernel says what `scores` adds to a tile (products or distances), and which pairs are `skipped`.
// @use grid tile merge_rows
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, lhs_stride4: u32, rhs_stride4: u32, slices: u32, slice_columns: u32,
  scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // [depth, 4 lhs_stride4]
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // [depth, 4 rhs_stride4]
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<storage, read_write> partial: array<f32>; // [slices, 3, rows]

const LOG2E: f32 = 1.4426950408889634;
const ROW_SLOTS: u32 = TILE_ROWS * WX;

var<workgroup> tops: array<f32, ROW_SLOTS>;
var<workgroup> sums: array<f32, ROW_SLOTS>;
var<workgroup> weights: array<f32, ROW_SLOTS>;

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let first_row = (group / p.slices) * TILE_ROWS;
  let slice = group % p.slices;
  let row = first_row + local.y * TM;
  let end = min((slice + 1u) * p.slice_columns, p.columns);
  let k = abs(p.scale) * LOG2E / temperature[0];
  let way = vec4f(select(1.0, -1.0, p.scale < 0.0));
  var top: array<f32, TM>;
  var total: array<f32, TM>;
  var weighted: array<f32, TM>;
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    top[m] = FLOOR;
    total[m] = 0.0;
    weighted[m] = 0.0;
  }
  for (var left = slice * p.slice_columns; left < end; left += TILE_COLUMNS) {
    let column4 = left / 4u + local.x;
    var c: array<vec4f, TILE_BLOCK>;
    tile_clear(&c);
    scores(&c, row / 4u, column4);
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      var high = vec4f(FLOOR);
      // @unroll
      for (var v = 0u; v < TV; v++) {
        let j = vec4u(4u * (column4 + v * WX)) + vec4u(0u, 1u, 2u, 3u);
        high = max(high, select(c[m * TV + v] * way, vec4f(FLOOR), skipped(row + m, j)));
      }
      let higher = max(top[m], max(max(high.x, high.y), max(high.z, high.w)));
      let down = fall(top[m], higher, k);
      weighted[m] = fma(total[m], down, weighted[m]) * exp2(down);
      total[m] *= exp2(down);
      top[m] = higher;
      var e = vec4f();
      var w = vec4f();
      // @unroll
      for (var v = 0u; v < TV; v++) {
        let j = vec4u(4u * (column4 + v * WX)) + vec4u(0u, 1u, 2u, 3u);
        // An entry below the floor weighs nothing, and is no top either.
        let skip = skipped(row + m, j) | (c[m * TV + v] * way <= vec4f(FLOOR));
        let below = select((c[m * TV + v] * way - higher) * k, vec4f(), skip);
        let power = select(exp2(below), vec4f(), skip);
        e += power;
        w = fma(power, below, w);
      }
      total[m] += (e.x + e.y) + (e.z + e.w);
      weighted[m] += (w.x + w.y) + (w.z + w.w);
    }
  }
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    tops[(local.y * TM + m) * WX + local.x] = top[m];
    sums[(local.y * TM + m) * WX + local.x] = total[m];
    weights[(local.y * TM + m) * WX + local.x] = weighted[m];
  }
  workgroupBarrier();
  for (var r = lane; r < TILE_ROWS; r += WX * WY) {
    var merged = RowSums(FLOOR, 0.0, 0.0);
    for (var x = 0u; x < WX; x++) {
      merged = merge_rows(merged, RowSums(tops[r * WX + x], sums[r * WX + x], weights[r * WX + x]), k);
    }
    if (first_row + r < p.rows) {
      let at = slice * 3u * p.rows + first_row + r;
      partial[at] = merged.top;
      partial[at + p.rows] = merged.sum;
      partial[at + 2u * p.rows] = merged.weighted;
    }
  }
}

// @kernel row_pass skip product_scores
// @kernel row_pass_class skip_class product_scores
// @kernel row_pass_distance skip distance_scores
// @kernel row_pass_gap skip gap_scores
// @kernel row_pass_gap_class skip_class gap_scores
// @kernel pair_row_pass skip pair_values
