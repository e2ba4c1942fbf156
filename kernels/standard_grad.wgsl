// g[i, k] = dy scale[k] (pulled - mean of pulled - standard(i, k) * mean of (pulled * standard)), in place, means over i
// The gradient through z -> (z - mean) / deviation, from that w.r.t. the standardised features. Of two rows the feature's
// own direction is all there is, and only epsilon keeps it from cancelling: that difference is taken on paper.
// @use grid standard_pull
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, factor: f32, epsilon: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(7) var<storage, read> sums: array<f32>; // [2, columns]
@group(0) @binding(8) var<storage, read> dy: array<f32>; // one number

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  let i = at / p.columns;
  if (group >= p.end_group || i >= p.rows) { return; }
  let k = at - i * p.columns;
  let share = 1.0 / f32(p.rows);
  let across = pulled(i, k) - sums[k] * share;
  let along = standard(i, k) * sums[p.columns + k];
  var rest = fma(-along, share, across);
  if (p.rows == 2u && moments[k].spread > 0.0) { rest = along * p.epsilon / moments[k].spread; }
  g[at] = rest * (moments[k].scale * dy[0]);
}
