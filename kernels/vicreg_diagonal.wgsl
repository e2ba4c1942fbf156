// hinges[k] = max(0, 1 - s_k), squares[k] = light_k v_k^2, own[k] = -[s_k < 1] pull / s_k - extra light_k v_k
// v_k = spread_k / (N - 1), s_k = sqrt(v_k + epsilon). own[k] is what feature k pulls on itself: outwards while s_k < 1, and
// `extra` takes back what a product over the light features pulled already.
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, epsilon: f32, pull: f32, extra: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> moments: array<vec4f>; // [columns], see lib/standard.wgsl
@group(0) @binding(2) var<storage, read_write> hinges: array<f32>;
@group(0) @binding(3) var<storage, read_write> squares: array<f32>;
@group(0) @binding(4) var<storage, read_write> own: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  let v = moments[k].z / f32(p.rows - 1u);
  let s = sqrt(v + p.epsilon);
  let light = moments[k].w;
  hinges[k] = select(1.0 - s, 0.0, s >= 1.0); // not by max, which hides a NaN
  squares[k] = light * v * v;
  own[k] = select(-p.pull / s, 0.0, s >= 1.0) - p.extra * light * v;
}
