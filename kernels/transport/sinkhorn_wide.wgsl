// t_nk = s_nk in place of the powers where these do not serve; where they do, state says that w is there already
// @use grid solver_state narrow
const WG: u32 = 16;

struct Params { first_group: u32, end_group: u32, rows: u32, columns4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<vec4f>; // s, [rows, columns4]
@group(0) @binding(2) var<storage, read> form: array<u32>;
@group(0) @binding(3) var<storage, read_write> cache: array<vec4f>; // powers, then t, [rows, columns4]
@group(0) @binding(4) var<storage, read_write> state: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.columns4) { return; }
  if (form[FORM] == POWERS) {
    if (k == 0u) { state[STOPPED] = 1.0; }
    return;
  }
  for (var n = 0u; n < p.rows; n++) { cache[n * p.columns4 + k] = scores[n * p.columns4 + k]; }
}
