// K_ji = 2^(scale |b_j - a_i|^2), both k-major, and WIDE where a power is beyond p.range: such K, and factors, would leave f32
// 0 in the padding. By a loop over a copy, as store_product.
// @use grid tile_distance scaling_logits narrow
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, strips: u32, lhs_stride4: u32, rhs_stride4: u32, stride4: u32,
  scale: f32, rest: f32, range: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // b, [depth, 4 lhs_stride4]
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // a, [depth, 4 rhs_stride4]
@group(0) @binding(3) var<storage, read_write> scores: array<vec4f>; // K, [rows, stride4]
@group(0) @binding(4) var<storage, read_write> form: array<atomic<u32>>;

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = (group / p.strips) * TILE_ROWS + local.y * TM;
  let column4 = (group % p.strips) * (TILE_COLUMNS / 4u) + local.x;
  var c: array<vec4f, TILE_BLOCK>;
  tile_clear(&c);
  tile_distance(&c, row / 4u, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
  var copy: array<vec4f, TILE_BLOCK>;
  // @unroll
  for (var i = 0u; i < TM * TV; i++) {
    copy[i] = c[i];
  }
  var far = vec4f();
  for (var i = 0u; i < TM * TV; i++) {
    let to = row + i / TV;
    let at = column4 + (i % TV) * WX;
    if (to >= p.rows || at >= p.stride4) { continue; }
    let outside = vec4u(4u * at) + vec4u(0u, 1u, 2u, 3u) >= vec4u(p.columns);
    scores[to * p.stride4 + at] = select(exp2(logits(copy[i], vec4f())), vec4f(), outside);
    far = max(far, select(copy[i], vec4f(), outside));
  }
  if (any(far * abs(p.scale) > vec4f(p.range))) { atomicOr(&form[WIDE], 1u); }
}
