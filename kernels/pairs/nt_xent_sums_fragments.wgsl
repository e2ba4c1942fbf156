// R[i] = sum over j not in {i, positive of i} of exp((s_ij - 1) / tau), s_ij by fragments that subgroups hold together
// As pair_sums: one workgroup sweeps one block (I, J), I <= J, of `edge` rows and columns, and every row ends with
// one partial sum from each of the blocks' columns. The entries of a fragment can only be touched in memory: a strip of
// them at a time goes to workgroup memory, where lanes own columns, then parts of rows; the order is fixed by indices.
// @use grid fragments triangle mark_partner power_of_two
struct Params {
  first_group: u32, end_group: u32,
  n: u32, depth: u32, stride: u32, low: u32, edge: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<part>; // units, transposed: [1 + SPLIT, depth, stride]
@group(0) @binding(2) var<storage, read> rhs: array<part>; // the same
@group(0) @binding(3) var<storage, read> top: array<u32>; // bits of what no entry of them exceeds
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read_write> partial: array<f32>; // [blocks, stride]

const LOG2E: f32 = 1.4426950408889634;
const MAX_EDGE: u32 = 512;
const PARTS: u32 = WG / STRIP; // of a row

var<workgroup> column_sums: array<f32, MAX_EDGE>;
var<workgroup> row_sums: array<f32, SPAN_ROWS>;
var<workgroup> row_parts: array<f32, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let cell = triangle_block(group);
  let sub = lane / SUBGROUP;
  let k = LOG2E / temperature[0];
  let scale = times_power_of_two(k, -2 * part_scale_exponent(top[0]));
  for (var x = lane; x < p.edge; x += WG) { column_sums[x] = 0.0; }
  for (var down = 0u; down < p.edge; down += SPAN_ROWS) {
    let row0 = cell.x * p.edge + down;
    for (var r = lane; r < SPAN_ROWS; r += WG) { row_sums[r] = 0.0; }
    for (var across = 0u; across < p.edge; across += SPAN_COLUMNS) {
      let column0 = cell.y * p.edge + across;
      var c: array<Sum, FRAGMENTS>;
      clear_fragments(&c);
      gather_fragments(&c, row0 + (sub / 2u) * SM * FM, p.stride, p.low, column0 + (sub % 2u) * SN * FN, p.stride, p.low,
                       p.depth, lane);
      // @unroll
      for (var m = 0u; m < SM; m++) {
        // @unroll
        for (var n = 0u; n < SN; n++) {
          put_fragment(c[m * SN + n], (sub / 2u) * FM * SPAN_COLUMNS + (sub % 2u) * SN * FN + n * FN, lane);
        }
        workgroupBarrier();
        for (var x = lane; x < SPAN_COLUMNS; x += WG) {
          let j = column0 + x;
          let mark = column_mark(vec4u(j)).x;
          var total = 0.0;
          for (var r = 0u; r < STRIP; r++) {
            let i = row0 + (r / FM) * SM * FM + m * FM + r % FM;
            let skip = j == i || j >= p.n || mark == row_mark(i);
            let e = select(exp2(fma(strip[r * SPAN_COLUMNS + x], scale, -k)), 0.0, skip);
            strip[r * SPAN_COLUMNS + x] = e;
            total += select(e, 0.0, i >= p.n);
          }
          column_sums[across + x] += total;
        }
        workgroupBarrier();
        let r = lane % STRIP;
        let start = r * SPAN_COLUMNS + (lane / STRIP) * (SPAN_COLUMNS / PARTS);
        var sum = 0.0;
        for (var x = 0u; x < SPAN_COLUMNS / PARTS; x++) { sum += strip[start + x]; }
        row_parts[lane] = sum;
        workgroupBarrier();
        if (lane < STRIP) {
          var total = 0.0;
          for (var part_number = 0u; part_number < PARTS; part_number++) { total += row_parts[part_number * STRIP + lane]; }
          row_sums[(lane / FM) * SM * FM + m * FM + lane % FM] += total;
        }
      }
    }
    workgroupBarrier();
    for (var r = lane; r < SPAN_ROWS; r += WG) { partial[cell.y * p.stride + row0 + r] = row_sums[r]; }
    workgroupBarrier(); // the next rows start from zero
  }
  if (cell.x == cell.y) { return; }
  for (var x = lane; x < p.edge; x += WG) { partial[cell.x * p.stride + cell.y * p.edge + x] = column_sums[x]; }
}
