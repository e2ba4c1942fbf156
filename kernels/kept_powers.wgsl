// K_ji = 2^(scale t_ji), 0 in the padding, and WIDE where |scale t_ji| is above p.range: such K, and factors, would leave f32
// @use kept_tile scaling_logits narrow
@group(0) @binding(4) var<storage, read_write> form: array<atomic<u32>>;

fn wanted() -> bool { return true; }

fn keep(row: u32, column4: u32, t: vec4f) {
  let outside = vec4u(4u * column4) + vec4u(0u, 1u, 2u, 3u) >= vec4u(p.columns);
  scores[row * p.stride4 + column4] = select(exp2(logits(t, vec4f())), vec4f(), outside);
  if (any(select(t, vec4f(), outside) * abs(p.scale) > vec4f(p.range))) { atomicOr(&form[WIDE], 1u); }
}
