// stores something of every distance t_ji = |b_j - a_i|^2, both k-major, four columns i at a time: see `store_in_cache`
// By a loop over a copy, as store_product. The kernel declares `form` (binding 4) and whether anything is `wanted`.
// @use grid tile_distance
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, strips: u32, lhs_stride4: u32, rhs_stride4: u32, stride4: u32,
  scale: f32, rest: f32, range: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // b, [depth, 4 lhs_stride4]
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // a, [depth, 4 rhs_stride4]
@group(0) @binding(3) var<storage, read_write> scores: array<vec4f>; // [rows, stride4]

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group || !wanted()) { return; }
  let row = (group / p.strips) * TILE_ROWS + local.y * TM;
  let column4 = (group % p.strips) * (TILE_COLUMNS / 4u) + local.x;
  var c: array<vec4f, TILE_BLOCK>;
  tile_clear(&c);
  tile_distance(&c, row / 4u, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
  var copy: array<vec4f, TILE_BLOCK>;
  // @unroll REGISTERS
  for (var i = 0u; i < TM * TV; i++) {
    copy[i] = c[i];
  }
  for (var i = 0u; i < TM * TV; i++) {
    let to = row + i / TV;
    let at = column4 + (i % TV) * WX;
    if (to < p.rows && at < p.stride4) { store_in_cache(to, at, copy[i]); }
  }
}

// @kernel cached_powers scaling_logits narrow powers_less_1 solver_state
// K_ji = 2^(scale t_ji), or K_ji - 1 where the state says SMALL_COSTS (the form is then LESS_1); 0 in the padding
// The form is WIDE where |scale t_ji| is above p.range: such K, and factors, would leave f32.
@group(0) @binding(4) var<storage, read_write> form: array<atomic<u32>>;
@group(0) @binding(5) var<storage, read> state: array<f32>;

fn wanted() -> bool { return true; }

fn store_in_cache(row: u32, column4: u32, t: vec4f) {
  let outside = vec4u(4u * column4) + vec4u(0u, 1u, 2u, 3u) >= vec4u(p.columns);
  let small = state[SMALL_COSTS] != 0.0;
  let l = logits(t, vec4f());
  scores[row * p.stride4 + column4] = select(select(exp2(l), less_1(l, vec4f()), small), vec4f(), outside);
  if (small) {
    if (row == 0u && column4 == 0u) { atomicOr(&form[FORM], LESS_1); }
  } else if (any(select(t, vec4f(), outside) * abs(p.scale) > vec4f(p.range))) {
    atomicOr(&form[FORM], WIDE);
  }
}

// @kernel cached_distances narrow
// t_ji in place of the powers where those are WIDE; else nothing
@group(0) @binding(4) var<storage, read> form: array<u32>;

fn wanted() -> bool { return form[FORM] == WIDE; }

fn store_in_cache(row: u32, column4: u32, t: vec4f) { scores[row * p.stride4 + column4] = t; }
