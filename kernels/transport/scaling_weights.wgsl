// w[j - first, i] = share dy u_i u_j 2^(scale s_ij): the plan's columns j of a panel and all rows i, 0 for padding rows
// As the products that follow read it. The kernel says what `scores` adds to a tile: products or distances.
// @use grid tile store_panel
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, lhs_stride4: u32, rhs_stride4: u32, first: u32, count: u32, width4: u32, strips: u32,
  scale: f32, share: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // b, [depth, 4 lhs_stride4]: p.rows rows j
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // a, [depth, 4 rhs_stride4]: p.columns rows i
@group(0) @binding(3) var<storage, read> own: array<vec2f>; // (e, r) of the rows j
@group(0) @binding(4) var<storage, read> other: array<vec4f>; // those of two rows i each
@group(0) @binding(5) var<storage, read> dy: array<f32>; // one number
@group(0) @binding(6) var<storage, read_write> weights: array<vec4f>; // [panel, 4 width4]

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
  let share = p.share * dy[0];
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let one = other[2u * (i4 + v * WX)];
    let two = other[2u * (i4 + v * WX) + 1u];
    let e = vec4f(one.x, one.z, two.x, two.z);
    let factor = share * (1.0 + vec4f(one.y, one.w, two.y, two.w));
    let outside = vec4u(4u * (i4 + v * WX)) + vec4u(0u, 1u, 2u, 3u) >= vec4u(p.columns);
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      let mine = own[min(p.first + j0 + m, p.rows - 1u)];
      let l = fma(c[m * TV + v], vec4f(p.scale), vec4f(mine.x) + e);
      // No entry of a plan is that large; what is no pair must not overflow either.
      c[m * TV + v] = select((1.0 + mine.y) * factor * exp2(min(l, vec4f(120.0))), vec4f(), outside);
    }
  }
  store_panel(&c, j0, i4, p.count); // a tile may be taller than the panel
}

// @kernel scaling_weights product_scores
// w_ji = share dy u_i u_j 2^(scale a_i.b_j)

// @kernel scaling_weights_distance distance_scores
// w_ji = share dy u_i u_j 2^(scale |a_i - b_j|^2)
