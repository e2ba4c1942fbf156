// w[j - first, i] = dy_i f'(s_ij) e_ij (+ dy_j f'(s_ji) e_ji with BOTH), e_ij = 1, or exp(f(s_ij) - lse_i) where REDUCE is 1
// The gradient of sum_j f(s_ij) or log sum_j exp(f(s_ij)), for the columns j of a panel and all rows i, as the products
// that follow read it; with BOTH for rows against themselves, where row j gets what row i does. See row_weights.
// @use grid tile skip pair_scores store_panel
const BOTH: u32 = 0; // @tune 0 1
const REDUCE: u32 = 0; // @tune 0 1

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, lhs_stride4: u32, rhs_stride4: u32, first: u32, count: u32, width4: u32, strips: u32,
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
  let last = p.columns - 1u;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let i = vec4u(4u * (i4 + v * WX)) + vec4u(0u, 1u, 2u, 3u);
    let at = min(i, vec4u(last));
    let top = vec4f(tops[at.x], tops[at.y], tops[at.z], tops[at.w]);
    let part = vec4f(share(at.x), share(at.y), share(at.z), share(at.w));
    let mine = vec4i(label_at(0u, i.x, p.columns), label_at(0u, i.y, p.columns),
                     label_at(0u, i.z, p.columns), label_at(0u, i.w, p.columns));
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      let j = p.first + j0 + m;
      let other = vec4i(label_at(p.columns, j, p.rows));
      let s = c[m * TV + v];
      var w = part * slopes(s, mine, other);
      if (REDUCE == 1u) { w *= exp2(min((values(s, mine, other) - top) * LOG2E, vec4f())); }
      if (BOTH == 1u) {
        let clamped = min(j, last);
        var back = vec4f(share(clamped)) * slopes(s, other, mine);
        if (REDUCE == 1u) {
          back *= exp2(min((values(s, other, mine) - tops[clamped]) * LOG2E, vec4f()));
        }
        w += back;
      }
      c[m * TV + v] = select(w, vec4f(), skipped(j, i));
    }
  }
  store_panel(&c, j0, i4, p.count); // a tile may be taller than the panel
}

fn values(s: vec4f, i: vec4i, j: vec4i) -> vec4f {
  return vec4f(pair_value(s.x, i.x, j.x), pair_value(s.y, i.y, j.y), pair_value(s.z, i.z, j.z), pair_value(s.w, i.w, j.w));
}

fn slopes(s: vec4f, i: vec4i, j: vec4i) -> vec4f {
  return vec4f(pair_slope(s.x, i.x, j.x), pair_slope(s.y, i.y, j.y), pair_slope(s.z, i.z, j.z), pair_slope(s.w, i.w, j.w));
}

// A row without any entry has sum 0, and no gradient.
fn share(i: u32) -> f32 {
  if (REDUCE == 0u) { return dy[i]; }
  return select(dy[i] / sums[i], 0.0, sums[i] == 0.0);
}
