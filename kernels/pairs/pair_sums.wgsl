// R[i] = sum over j of e_ij, e_ij = exp((s_ij - 1) / tau), without j = i and without i's positives; and their own sum
// One workgroup sweeps one block (I, J), I <= J, of `edge` rows and columns; e_ij counts for row i and, by symmetry, for
// row j. Every row ends with one partial sum from each of the blocks' columns, whose order is fixed by indices alone.
// The shift by 1/tau keeps every e_ij in (0, 1], as unit rows have s <= 1. The kernel says what `store_in_cache` does with a tile,
// by their marks which rows are positives of each other, and whether they are summed, and in `pair_tile` what s_ij is.
// @use grid tile stored triangle
struct Params {
  first_group: u32, end_group: u32,
  n: u32, columns: u32, stride4: u32, edge: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<stored4>; // units, transposed: [columns, 4 stride4]
@group(0) @binding(2) var<storage, read> rhs: array<stored4>; // the same
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<storage, read_write> partial: array<f32>; // [1 + POSITIVES, blocks, 4 stride4]

const LOG2E: f32 = 1.4426950408889634;
const MAX_EDGE: u32 = 512; // half of it with POSITIVES: the two sums share the room
const COLUMN_SLOTS: u32 = MAX_EDGE * WY;
const ROW_HALF: u32 = TILE_ROWS * WX;
const ROW_SLOTS: u32 = ROW_HALF * (1 + POSITIVES);
const ROWS_HERE: u32 = TM * (1 + POSITIVES);

var<workgroup> column_sums: array<f32, COLUMN_SLOTS>;
var<workgroup> row_sums: array<f32, ROW_SLOTS>;

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let cell = triangle_block(group);
  let stride = 4u * p.stride4;
  let behind = (stride / p.edge) * stride; // where sums of positives start
  let k = LOG2E / temperature[0];
  let column_half = p.edge * WY;
  for (var i = lane; i < column_half * (1u + POSITIVES); i += WX * WY) { column_sums[i] = 0.0; }
  workgroupBarrier();

  for (var top = 0u; top < p.edge; top += TILE_ROWS) {
    let row = cell.x * p.edge + top + local.y * TM;
    var sums: array<f32, ROWS_HERE>;
    // @unroll REGISTERS
    for (var m = 0u; m < ROWS_HERE; m++) {
      sums[m] = 0.0;
    }
    for (var left = 0u; left < p.edge; left += TILE_COLUMNS) {
      let column4 = (cell.y * p.edge + left) / 4u + local.x;
      var c: array<vec4f, TILE_BLOCK>;
      tile_clear(&c);
      pair_tile(&c, row / 4u, column4);
      // @unroll
      for (var v = 0u; v < TV; v++) {
        let j = vec4u(4u * (column4 + v * WX)) + vec4u(0u, 1u, 2u, 3u);
        let marks = column_mark(j);
        var down = vec4f();
        var down_positive = vec4f();
        // @unroll REGISTERS
        for (var m = 0u; m < TM; m++) {
          let i = row + m;
          let positive = marks == vec4u(row_mark(i));
          let skip = (j == vec4u(i)) | (j >= vec4u(p.n));
          let power = exp2(less_1(c[m * TV + v]) * k);
          let e = select(power, vec4f(), skip | positive);
          c[m * TV + v] = e;
          sums[m] += (e.x + e.y) + (e.z + e.w);
          down += select(e, vec4f(), i >= p.n);
          if (POSITIVES == 1u) {
            let e_positive = select(vec4f(), power, positive & !skip);
            c[m * TV + v] += e_positive;
            sums[(ROWS_HERE - TM) + m] += (e_positive.x + e_positive.y) + (e_positive.z + e_positive.w);
            down_positive += select(e_positive, vec4f(), i >= p.n);
          }
        }
        let at = local.y * p.edge + left + 4u * (local.x + v * WX);
        column_sums[at] += down.x;
        column_sums[at + 1u] += down.y;
        column_sums[at + 2u] += down.z;
        column_sums[at + 3u] += down.w;
        if (POSITIVES == 1u) {
          column_sums[column_half + at] += down_positive.x;
          column_sums[column_half + at + 1u] += down_positive.y;
          column_sums[column_half + at + 2u] += down_positive.z;
          column_sums[column_half + at + 3u] += down_positive.w;
        }
      }
      store_in_cache(&c, group, top + local.y * TM, left / 4u + local.x);
    }
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      row_sums[(local.y * TM + m) * WX + local.x] = sums[m];
      if (POSITIVES == 1u) {
        row_sums[(ROW_SLOTS - ROW_HALF) + (local.y * TM + m) * WX + local.x] = sums[(ROWS_HERE - TM) + m];
      }
    }
    workgroupBarrier();
    for (var r = lane; r < TILE_ROWS * (1u + POSITIVES); r += WX * WY) {
      var total = 0.0;
      for (var x = 0u; x < WX; x++) { total += row_sums[r * WX + x]; }
      partial[(r / TILE_ROWS) * behind + cell.y * stride + cell.x * p.edge + top + r % TILE_ROWS] = total;
    }
    workgroupBarrier(); // the next strip writes row_sums: sums of two strips would mix
  }

  if (cell.x == cell.y) { return; }
  for (var i = lane; i < p.edge * (1u + POSITIVES); i += WX * WY) {
    let which = i / p.edge;
    var total = 0.0;
    for (var y = 0u; y < WY; y++) { total += column_sums[which * column_half + y * p.edge + i % p.edge]; }
    partial[which * behind + cell.x * stride + cell.y * p.edge + i % p.edge] = total;
  }
}

// @kernel nt_xent_sums pair_products cache_nothing mark_partner
// @kernel nt_xent_sums_cached pair_products cache_tile mark_partner
// @kernel sup_con_sums pair_products cache_nothing mark_class
// @kernel sup_con_sums_cached pair_products cache_tile mark_class
// @kernel uniformity_sums pair_distances cache_nothing mark_nobody
// @kernel uniformity_sums_cached pair_distances cache_tile mark_nobody
