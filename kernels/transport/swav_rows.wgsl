// loss[n] = |A| log Z[n] - u[n].t[n] / tau, g[n] = -share t[n], t = sum over the code sources a in A of sum_k Q_a[n, k] c_k
// log2 Z[n] = log2 K - log2 of the prediction's scaling factor; A is a bit for each of the two sources.
// @use grid
const WG: u32 = 64;
const LN2: f32 = 0.6931471805599453;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, first_row: u32, row_stride4: u32, prototypes: u32, sources: u32, inverse_temperature: f32, share: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units: array<vec4f>; // [rows, row_stride4]
@group(0) @binding(2) var<storage, read> targets0: array<vec4f>; // [rows, row_stride4]
@group(0) @binding(3) var<storage, read> targets1: array<vec4f>; // [rows, row_stride4]
@group(0) @binding(4) var<storage, read> prediction: array<vec2f>; // (e, r)
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;
@group(0) @binding(6) var<storage, read_write> g: array<vec4f>; // [rows, row_stride4]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let n = group * WG + lane;
  if (group >= p.end_group || n >= p.rows) { return; }
  let first = f32(p.sources & 1u);
  let second = f32(p.sources >> 1u);
  var products = vec4f();
  for (var d = 0u; d < p.row_stride4; d++) {
    let at = n * p.row_stride4 + d;
    let t = first * targets0[at] + second * targets1[at];
    products = fma(units[at], t, products);
    g[at] = -p.share * t;
  }
  let u = prediction[n];
  let log_z = LN2 * ((log2(f32(p.prototypes)) - u.x) - log2(1.0 + u.y));
  losses[p.first_row + n] =
    fma((products.x + products.y) + (products.z + products.w), -p.inverse_temperature, (first + second) * log_z);
}
