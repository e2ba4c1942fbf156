// out[i] = combine(a's element, b's element) where the kernel says what `combine` is
// Each operand lies as out does, or is stretched over it (stride 0 where it has extent 1), or is one number from Params.
// @use grid
const WG: u32 = 256;
const EACH: u32 = 4; // elements an invocation: one alone costs lavapipe twice the time
const A_FROM: u32 = 0; // @tune 0 1 2
const B_FROM: u32 = 0; // @tune 0 1 2
const DIMENSIONS: u32 = 4; // @tune 2 4

struct Params {
  first_group: u32, end_group: u32,
  count: u32, start: u32, number: f32,
  extent1: u32, extent2: u32, extent3: u32,
  a0: u32, a1: u32, a2: u32, a3: u32,
  b0: u32, b1: u32, b2: u32, b3: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // from element `start` of the whole on

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let first = group * EACH * WG + lane;
  if ((group + 1u) * EACH * WG <= p.count) {
    // @unroll
    for (var n = 0u; n < EACH; n++) {
      combine_at(first + n * WG);
    }
    return;
  }
  for (var i = first; i < p.count; i += WG) { combine_at(i); }
}

fn combine_at(i: u32) {
  var x = p.number;
  if (A_FROM == 0u) { x = a[i]; }
  if (A_FROM == 1u) { x = a[stretched(p.start + i, p.a0, p.a1, p.a2, p.a3)]; }
  var y = p.number;
  if (B_FROM == 0u) { y = b[i]; }
  if (B_FROM == 1u) { y = b[stretched(p.start + i, p.b0, p.b1, p.b2, p.b3)]; }
  out[i] = combine(x, y);
}

fn stretched(i: u32, s0: u32, s1: u32, s2: u32, s3: u32) -> u32 {
  let rows = i / p.extent3;
  if (DIMENSIONS == 2u) { return rows * s2 + (i - rows * p.extent3) * s3; }
  let planes = rows / p.extent2;
  let blocks = planes / p.extent1;
  return blocks * s0 + (planes - blocks * p.extent1) * s1 + (rows - planes * p.extent2) * s2 + (i - rows * p.extent3) * s3;
}
