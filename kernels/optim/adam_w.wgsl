// m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2,  w = keep w - rate m / (root sqrt(v) + epsilon)
// keep = 1 - learning rate * decay; rate and root hold the bias corrections: learning rate / (1 - beta1^t) and
// 1 / sqrt(1 - beta2^t), formed in f64 on the CPU. rise1 = 1 - beta1 and rise2 = 1 - beta2 come from there too: in f32
// the difference would have lost digits.
// @use grid own_number
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  count: u32, // of Numbers
  rate: f32, keep: f32, beta1: f32, rise1: f32, beta2: f32, rise2: f32, root: f32, epsilon: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gradient: array<Number>;
@group(0) @binding(2) var<storage, read_write> first: array<Number>;
@group(0) @binding(3) var<storage, read_write> second: array<Number>;
@group(0) @binding(4) var<storage, read_write> weights: array<Number>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  let g = gradient[i];
  let m = fma(Number(p.beta1), first[i], p.rise1 * g);
  let v = fma(Number(p.beta2), second[i], p.rise2 * g * g);
  first[i] = m;
  second[i] = v;
  weights[i] = fma(Number(-p.rate), m / fma(Number(p.root), sqrt(v), Number(p.epsilon)), p.keep * weights[i]);
}
