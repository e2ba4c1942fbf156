// g_ij = -y_ij sigmoid(-y_ij l_ij) in place of s_ij for the rows i of a panel, l = scale s + bias, y = 1 for j = i, else -1
// losses = sum of log(1 + exp(-y l)), slopes = sum of g, a part an invocation: it goes down EACH rows of four columns.
// @use grid log1p
const WG: u32 = 64;
const EACH: u32 = 8;

struct Params { first_group: u32, end_group: u32, n: u32, first: u32, count: u32, width4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logit_scale: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> weights: array<vec4f>; // [count, 4 width4]; in: s
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
@group(0) @binding(5) var<storage, read_write> slopes: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let cell = group * WG + lane;
  let top = EACH * (cell / p.width4);
  if (group >= p.end_group || top >= p.count) { return; }
  let end = min(top + EACH, p.count);
  let j4 = cell % p.width4;
  let j = vec4u(4u * j4) + vec4u(0u, 1u, 2u, 3u);
  let past = j >= vec4u(p.n);
  var loss = vec4f();
  var slope = vec4f();
  for (var r = top; r < end; r++) {
    let y = select(vec4f(-1.0), vec4f(1.0), j == vec4u(p.first + r));
    let x = -y * fma(weights[r * p.width4 + j4], vec4f(logit_scale[0]), vec4f(bias[0]));
    let e = exp(-abs(x)); // in (0, 1] on either side
    let soft = max(x, vec4f()) + vec4f(log1p(e.x), log1p(e.y), log1p(e.z), log1p(e.w));
    let g = select(-y * select(e, vec4f(1.0), x >= vec4f()) / (1.0 + e), vec4f(), past);
    loss += select(soft, vec4f(), past);
    slope += g;
    weights[r * p.width4 + j4] = g;
  }
  losses[cell] = (loss.x + loss.y) + (loss.z + loss.w);
  slopes[cell] = (slope.x + slope.y) + (slope.z + slope.w);
}
