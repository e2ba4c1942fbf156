// w[j - first, i] = dy_i e_ij / sum_i (+ dy_j e_ij / sum_j with BOTH), e_ij = exp(|scale| (+-s_ij - top_i)): see row_pass
// The gradient of log sum_j exp(l_ij), for the columns j of a panel and all rows i, as the products that follow read it;
// with BOTH for a symmetric sweep, where row j gets what row i does. Padding rows i get 0. See row_pass.
// The kernel says what `scores` adds to a tile: products or distances.
// @use grid tile skip store_panel
const BOTH: u32 = 0; // @tune 0 1

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, lhs_stride4: u32, rhs_stride4: u32, first: u32, count: u32, width4: u32, strips: u32,
  scale: f32,
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
  scores(&c, (p.first + j0) / 4u, i4);
  let k = vec4f(abs(p.scale) * LOG2E);
  let way = select(1.0, -1.0, p.scale < 0.0);
  let last = p.columns - 1u;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let i = vec4u(4u * (i4 + v * WX)) + vec4u(0u, 1u, 2u, 3u);
    let at = min(i, vec4u(last));
    let top = vec4f(tops[at.x], tops[at.y], tops[at.z], tops[at.w]);
    let part = vec4f(share(at.x), share(at.y), share(at.z), share(at.w));
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      let j = p.first + j0 + m;
      let s = c[m * TV + v] * way;
      var w = part * exp2(min((s - top) * k, vec4f()));
      if (BOTH == 1u) {
        let clamped = min(j, last);
        w += vec4f(share(clamped)) * exp2(min((s - tops[clamped]) * k, vec4f()));
      }
      c[m * TV + v] = select(w, vec4f(), skipped(j, i));
    }
  }
  store_panel(&c, j0, i4, p.count); // a tile may be taller than the panel
}

// A row without any entry has sum 0, and no gradient.
fn share(i: u32) -> f32 {
  if (sums[i] == 0.0) { return 0.0; }
  return dy[i] / sums[i];
}

// @kernel row_weights product_scores
// w_ji = dy_i d lse_i / d l_ij, s_ij = a_i.b_j

// @kernel row_weights_distance distance_scores
// w_ji = dy_i d lse_i / d l_ij, s_ij = |a_i - b_j|^2
