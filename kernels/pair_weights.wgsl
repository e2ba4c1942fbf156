// w[j - first, i] = dy_i f'(s_ij) e_ij (+ dy_j f'(s_ji) e_ji with BOTH), e_ij = 1, or exp(f(s_ij) - lse_i) where REDUCE is 1
// The gradient of sum_j f(s_ij) or log sum_j exp(f(s_ij)), for the columns j of a panel and all rows i, as the products
// that follow read it; with BOTH for rows against themselves, where row j gets what row i does. See lib/row_weights.wgsl.
// @use grid tile skip pair_scores
const BOTH: u32 = 0; // @tune 0 1
const REDUCE: u32 = 0; // @tune 0 1

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, lhs_stride4: u32, rhs_stride4: u32, first: u32, width4: u32, strips: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // b, [depth, 4 lhs_stride4]: p.rows rows j
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // a, [depth, 4 rhs_stride4]: p.columns rows i
@group(0) @binding(3) var<storage, read> tops: array<f32>;
@group(0) @binding(4) var<storage, read> sums: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> weights: array<vec4f>; // [panel, 4 width4]

const LOG2E: f32 = 1.4426950408889634;

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let j0 = (group / p.strips) * TILE_ROWS + local.y * TM; // within the panel
  let i4 = (group % p.strips) * (TILE_COLUMNS / 4u) + local.x;
  var c: array<vec4f, TILE_BLOCK>;
  tile_clear(&c);
  pair_scores(&c, (p.first + j0) / 4u, i4);
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let i = vec4u(4u * (i4 + v * WX)) + vec4u(0u, 1u, 2u, 3u);
    // @unroll
    for (var m = 0u; m < TM; m++) {
      let j = p.first + j0 + m;
      let s = c[m * TV + v];
      let w = vec4f(weight(s.x, i.x, j), weight(s.y, i.y, j), weight(s.z, i.z, j), weight(s.w, i.w, j));
      if (i4 + v * WX < p.width4 && j < p.rows) {
        weights[(j0 + m) * p.width4 + i4 + v * WX] = select(w, vec4f(), skipped(j, i));
      }
    }
  }
}

fn weight(s: f32, i: u32, j: u32) -> f32 {
  let own = min(i, p.columns - 1u);
  let mine = label_at(0u, i, p.columns);
  let other = label_at(p.columns, j, p.rows);
  var w = pull(s, own, mine, other);
  if (BOTH == 1u) { w += pull(s, min(j, p.columns - 1u), other, mine); }
  return w;
}

// What the pair counts in the result of row i; a row without any entry has sum 0, and pulls nowhere.
fn pull(s: f32, i: u32, label_i: i32, label_j: i32) -> f32 {
  let slope = dy[i] * pair_slope(s, label_i, label_j);
  if (REDUCE == 0u) { return slope; }
  if (sums[i] == 0.0) { return 0.0; }
  return slope / sums[i] * exp2(min(fma(pair_value(s, label_i, label_j), LOG2E, -tops[i]), 0.0));
}
