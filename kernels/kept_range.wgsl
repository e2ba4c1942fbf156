// WIDE where any |scale t_ji| of kept scores is above p.range: powers 2^(scale t) and their factors would leave f32
// Four columns a lane, all rows.
// @use grid narrow
const WG: u32 = 16;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, stride4: u32, scale: f32, range: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<vec4f>; // t, [rows, stride4]
@group(0) @binding(2) var<storage, read_write> form: array<atomic<u32>>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.stride4) { return; }
  var far = vec4f();
  for (var n = 0u; n < p.rows; n++) { far = max(far, abs(scores[n * p.stride4 + k])); }
  let outside = vec4u(4u * k) + vec4u(0u, 1u, 2u, 3u) >= vec4u(p.columns);
  // Not `far > range`: a score that is not a number is left to the logits as well.
  if (!all((far * abs(p.scale) <= vec4f(p.range)) | outside)) { atomicOr(&form[WIDE], 1u); }
}
