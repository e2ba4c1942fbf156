// out[b, i, j] = sum over k of lhs[b, i, k] rhs[b, k, j] (+ out, when accumulating), every operand by its own strides
// One invocation makes a block of 4 x 4. Loads past an edge repeat the last row or column, and nothing of them is stored.
// @use grid
const WG: u32 = 64;
const SPAN: u32 = 128; // products that are one sum: a longer one would gather the roundings of all

struct Params {
  first_group: u32, end_group: u32,
  batches: u32, rows: u32, columns: u32, depth: u32,
  lhs_at: u32, lhs_batch: u32, lhs_row: u32, lhs_step: u32,
  rhs_at: u32, rhs_batch: u32, rhs_column: u32, rhs_step: u32,
  out_at: u32, out_batch: u32, out_row: u32, out_column: u32,
  accumulating: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<f32>;
@group(0) @binding(2) var<storage, read> rhs: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let cell = group * WG + lane;
  let across = (p.columns + 3u) / 4u;
  let down = (p.rows + 3u) / 4u;
  if (group >= p.end_group || cell >= p.batches * down * across) { return; }
  let b = cell / (down * across);
  let i = 4u * (cell / across % down);
  let j = 4u * (cell % across);
  var l = p.lhs_at + b * p.lhs_batch + min(vec4u(i) + vec4u(0u, 1u, 2u, 3u), vec4u(p.rows - 1u)) * p.lhs_row;
  var r = p.rhs_at + b * p.rhs_batch + min(vec4u(j) + vec4u(0u, 1u, 2u, 3u), vec4u(p.columns - 1u)) * p.rhs_column;
  var c: array<vec4f, 4>;
  for (var first = 0u; first < p.depth; first += SPAN) {
    var part = array<vec4f, 4>(); // with a value: it would keep that of the iteration before
    for (var k = first; k < min(first + SPAN, p.depth); k++) {
      let right = vec4f(rhs[r.x], rhs[r.y], rhs[r.z], rhs[r.w]);
      // @unroll
      for (var m = 0u; m < 4; m++) {
        part[m] = fma(vec4f(lhs[l[m]]), right, part[m]);
      }
      l += vec4u(p.lhs_step);
      r += vec4u(p.rhs_step);
    }
    // @unroll
    for (var m = 0u; m < 4; m++) {
      c[m] += part[m];
    }
  }
  let to = p.out_at + b * p.out_batch;
  // @unroll
  for (var m = 0u; m < 4; m++) {
    // @unroll
    for (var q = 0u; q < 4; q++) {
      if (i + m < p.rows && j + q < p.columns) {
        let at = to + (i + m) * p.out_row + (j + q) * p.out_column;
        out[at] = c[m][q] + select(0.0, out[at], p.accumulating == 1u);
      }
    }
  }
}
