// partial[s] = sum of w^2, partial[slices + s] = sum of (g + decay w)^2 over slice s
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, count: u32, slices: u32, decay: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>; // [2, slices]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let s = group * WG + lane;
  if (group >= p.end_group || s >= p.slices) { return; }
  var ofWeights = 0.0;
  var ofGradient = 0.0;
  for (var i = s; i < p.count; i += p.slices) {
    let w = weights[i];
    let g = fma(p.decay, w, gradient[i]);
    ofWeights = fma(w, w, ofWeights);
    ofGradient = fma(g, g, ofGradient);
  }
  partial[s] = ofWeights;
  partial[p.slices + s] = ofGradient;
}
