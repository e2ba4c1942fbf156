// losses[k] = (1 - c_k)^2, squares[k] = c_k^2, own[k] = -weight (1 - c_k) - extra c_k, c the diagonal of the cross-correlation
// 1 - c = (mean of (x - y)^2 + epsilon (scale_x^2 + scale_y^2)) / 2, since the mean of x^2 is 1 - epsilon scale_x^2: no
// digits are lost where c is nearly 1. own[k] times feature k of one view is added to the gradient of feature k of the other;
// `extra` takes back what a product added already.
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, epsilon: f32, weight: f32, extra: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> sums: array<f32>; // [2, columns], see diagonal_slices.wgsl
@group(0) @binding(2) var<storage, read> moments: array<vec4f>; // [columns], see standard
@group(0) @binding(3) var<storage, read> other_moments: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
@group(0) @binding(5) var<storage, read_write> squares: array<f32>;
@group(0) @binding(6) var<storage, read_write> own: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  let c = sums[k] / f32(p.rows);
  let scales = moments[k].y * moments[k].y + other_moments[k].y * other_moments[k].y;
  let gap = 0.5 * fma(p.epsilon, scales, sums[p.columns + k] / f32(p.rows));
  losses[k] = gap * gap;
  squares[k] = c * c;
  own[k] = -fma(p.weight, gap, p.extra * c);
}
