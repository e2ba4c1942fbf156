// w_ji = exp(s_ij / tau) (1/Z_i + 1/Z_j) for the columns j of a panel and all rows i from its first on, as operand halves
// As nt_xent_panel.wgsl, with s_ij by fragments that subgroups hold together, and the weights in the form that
// matmul_fragments.wgsl reads: no weight exceeds 2.
// @use grid fragments mark_partner power_of_two
struct Params {
  first_group: u32, end_group: u32,
  n: u32, depth: u32, stride: u32, low: u32, first: u32, width: u32, strips: u32, weights_low: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<part>; // units, transposed: [1 + SPLIT, depth, stride]
@group(0) @binding(2) var<storage, read> rhs: array<part>; // the same
@group(0) @binding(3) var<storage, read> top: array<u32>; // bits of what no entry of them exceeds
@group(0) @binding(4) var<storage, read> log2_z: array<f32>;
@group(0) @binding(5) var<storage, read> temperature: array<f32>;
@group(0) @binding(6) var<storage, read_write> weights: array<part>; // [1 + SPLIT, panel, width], rows i - first

const LOG2E: f32 = 1.4426950408889634;
const TOP_WEIGHT: f32 = 2.0;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row0 = (group / p.strips) * SPAN_ROWS; // within the panel
  let column0 = (group % p.strips) * SPAN_COLUMNS;
  let sub = lane / SUBGROUP;
  var c: array<Sum, FRAGMENTS>;
  clear_fragments(&c);
  gather_fragments(&c, p.first + row0 + (sub / 2u) * SM * FM, p.stride, p.low,
                   p.first + column0 + (sub % 2u) * SN * FN, p.stride, p.low, p.depth, lane);
  let k = times_power_of_two(LOG2E / temperature[0], -2 * part_scale_exponent(top[0]));
  let part_scale = power_of_two(part_scale_exponent(bitcast<u32>(TOP_WEIGHT)));
  let last = p.n - 1u;
  // @unroll
  for (var m = 0u; m < SM; m++) {
    // @unroll
    for (var n = 0u; n < SN; n++) {
      put_fragment(c[m * SN + n], (sub / 2u) * FM * SPAN_COLUMNS + (sub % 2u) * SN * FN + n * FN, lane);
    }
    workgroupBarrier();
    for (var e = lane; e < STRIP_SIZE; e += WG) {
      let r = e / SPAN_COLUMNS;
      let within = row0 + (r / FM) * SM * FM + m * FM + r % FM;
      let j = p.first + within;
      let i = p.first + column0 + e % SPAN_COLUMNS;
      let at_i = min(i, last);
      let at_j = min(j, last);
      let s = strip[e] * k;
      var w = exp2(min(s - log2_z[at_i], 0.0)) + exp2(min(s - log2_z[at_j], 0.0));
      if (i == j || i == row_mark(j) || i >= p.n || j >= p.n) { w = 0.0; }
      w *= part_scale;
      let high = high_part(w);
      let at = within * p.width + column0 + e % SPAN_COLUMNS;
      weights[at] = part(high);
      if (SPLIT == 1u) { weights[p.weights_low + at] = part(w - high); }
    }
    workgroupBarrier(); // the next strip overwrites this one
  }
}
