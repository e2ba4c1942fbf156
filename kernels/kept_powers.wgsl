// K_ji = 2^(scale t_ji) in place of the kept scores t, 0 in the padding; nothing where they are WIDE
// @use grid scaling_logits narrow
const WG: u32 = 16;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, stride4: u32, scale: f32, rest: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> form: array<u32>;
@group(0) @binding(2) var<storage, read_write> scores: array<vec4f>; // t, then K, [rows, stride4]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.stride4 || form[WIDE] != 0u) { return; }
  let outside = vec4u(4u * k) + vec4u(0u, 1u, 2u, 3u) >= vec4u(p.columns);
  for (var n = 0u; n < p.rows; n++) {
    let at = n * p.stride4 + k;
    scores[at] = select(exp2(logits(scores[at], vec4f())), vec4f(), outside);
  }
}
