// out[i, j] = scale * sum_k lhs[k, i] rhs[k, j] / (scales of both) (+ out[i, j]), by fragments that subgroups hold together
// LEFT_ROWS: lhs[i, k]. The operands are those of halves, padded to whole spans; out is not.
// @use grid fragments power_of_two
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, strips: u32,
  lhs_at: u32, lhs_stride: u32, lhs_low: u32, rhs_at: u32, rhs_stride: u32, rhs_low: u32,
  out_at: u32, out_stride: u32, scale: f32, accumulating: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<part>;
@group(0) @binding(2) var<storage, read> rhs: array<part>;
@group(0) @binding(3) var<storage, read> lhs_top: array<u32>;
@group(0) @binding(4) var<storage, read> rhs_top: array<u32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row0 = (group / p.strips) * SPAN_ROWS;
  let column0 = (group % p.strips) * SPAN_COLUMNS;
  let sub = lane / SUBGROUP;
  let row = row0 + (sub / 2u) * SM * FM;
  let column = column0 + (sub % 2u) * SN * FN;
  var c: array<Sum, FRAGMENTS>;
  clear_fragments(&c);
  let down = select(1u, p.lhs_stride, LEFT_ROWS == 1u);
  gather_fragments(&c, p.lhs_at + row * down, p.lhs_stride, p.lhs_low, p.rhs_at + column, p.rhs_stride, p.rhs_low, p.depth,
                   lane);
  let exponent = -(part_scale_exponent(lhs_top[0]) + part_scale_exponent(rhs_top[0]));
  let half = power_of_two(exponent / 2);
  let rest = power_of_two(exponent - exponent / 2);
  // @unroll
  for (var m = 0u; m < SM; m++) {
    // @unroll
    for (var n = 0u; n < SN; n++) {
      put_fragment(c[m * SN + n], (sub / 2u) * FM * SPAN_COLUMNS + (sub % 2u) * SN * FN + n * FN, lane);
    }
    workgroupBarrier();
    for (var e = lane; e < STRIP_SIZE; e += WG) {
      let r = e / SPAN_COLUMNS;
      let i = row0 + (r / FM) * SM * FM + m * FM + r % FM;
      let j = column0 + e % SPAN_COLUMNS;
      if (i < p.rows && j < p.columns) {
        let at = p.out_at + i * p.out_stride + j;
        let before = select(0.0, out[at], p.accumulating == 1u);
        out[at] = before + p.scale * (strip[e] * half * rest);
      }
    }
    workgroupBarrier(); // the next strip overwrites this one
  }
}
