// squares[i] = sum over j != i of c[i, j]^2, and c[i, i] = 0
// @use grid rows
const BLOCK: u32 = 32; // steps that are one sum: a longer one would gather the roundings of all

struct Params { first_group: u32, end_group: u32, n: u32, stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> c: array<f32>; // [n, stride]
@group(0) @binding(2) var<storage, read_write> squares: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let i = group * (WG / LANES) + lane / LANES;
  let end = select(0u, p.n, i < p.n);
  var sums = vec4f();
  for (var head = lane % LANES; head < end; head += 4u * BLOCK * LANES) {
    var some = vec4f();
    for (var j = head; j < min(head + 4u * BLOCK * LANES, end); j += LANES) {
      let value = c[i * p.stride + j];
      if (j == i) {
        c[i * p.stride + j] = 0.0;
      } else {
        some = vec4f(some.yzw, fma(value, value, some.x));
      }
    }
    sums += some;
  }
  let total = row_sum(lane, (sums.x + sums.y) + (sums.z + sums.w));
  if (i < p.n && lane % LANES == 0u) { squares[i] = total; }
}
