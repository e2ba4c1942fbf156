// SGD, without and with momentum
// @use grid

// @kernel sgd
// w = w - rate (g + decay w)
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, count: u32, rate: f32, decay: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> weights: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  let w = weights[i];
  weights[i] = fma(-p.rate, fma(p.decay, w, gradient[i]), w);
}

// @kernel sgd_momentum
// v = momentum v + (g + decay w),  w = w - rate (own (g + decay w) + along v)
// own = 0, along = 1 is heavy-ball momentum; own = 1, along = momentum is Nesterov's.
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  count: u32, rate: f32, decay: f32, momentum: f32, own: f32, along: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> velocity: array<f32>;
@group(0) @binding(3) var<storage, read_write> weights: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  let w = weights[i];
  let g = fma(p.decay, w, gradient[i]);
  let v = fma(p.momentum, velocity[i], g);
  velocity[i] = v;
  weights[i] = fma(-p.rate, fma(p.own, g, p.along * v), w);
}
