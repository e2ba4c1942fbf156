// K_ji = 2^(scale t_ji), or CLOSE, where all is NEAR, what it is above 1; 0 in the padding. WIDE where |scale t_ji| is above p.range: such K, and factors, would leave f32
// @use kept_tile scaling_logits narrow near_powers solver_state
@group(0) @binding(4) var<storage, read_write> form: array<atomic<u32>>;
@group(0) @binding(5) var<storage, read> state: array<f32>;

fn wanted() -> bool { return true; }

fn keep(row: u32, column4: u32, t: vec4f) {
  let outside = vec4u(4u * column4) + vec4u(0u, 1u, 2u, 3u) >= vec4u(p.columns);
  let near = state[NEAR] != 0.0;
  let l = logits(t, vec4f());
  scores[row * p.stride4 + column4] = select(select(exp2(l), less_1(l, vec4f()), near), vec4f(), outside);
  if (near) {
    if (row == 0u && column4 == 0u) { atomicOr(&form[FORM], CLOSE); }
  } else if (any(select(t, vec4f(), outside) * abs(p.scale) > vec4f(p.range))) {
    atomicOr(&form[FORM], WIDE);
  }
}
