// out[i] = apply(x[i]) where the kernel says what `apply` is
// @use grid
const WG: u32 = 256;
const EACH: u32 = 4; // elements an invocation: one alone costs lavapipe twice the time

struct Params { first_group: u32, end_group: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let first = group * EACH * WG + lane;
  if ((group + 1u) * EACH * WG <= p.count) {
    // @unroll
    for (var n = 0u; n < EACH; n++) {
      out[first + n * WG] = apply(x[first + n * WG]);
    }
    return;
  }
  for (var i = first; i < p.count; i += WG) { out[i] = apply(x[i]); }
}
