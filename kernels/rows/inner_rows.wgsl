// out[i] = sum over j of a[i, j] b[i, j]
// @use grid rows
const BLOCK: u32 = 32; // steps that are one sum: a longer one would gather the roundings of all

struct Params { first_group: u32, end_group: u32, n: u32, stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>; // [n, stride]
@group(0) @binding(2) var<storage, read> b: array<f32>; // [n, stride]
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let i = group * (WG / LANES) + lane / LANES;
  let start = min(i, p.n - 1u) * p.stride;
  var sums = vec4f();
  for (var head = lane % LANES; head < p.n; head += 4u * BLOCK * LANES) {
    var some = vec4f();
    for (var j = head; j < min(head + 4u * BLOCK * LANES, p.n); j += LANES) {
      some = vec4f(some.yzw, fma(a[start + j], b[start + j], some.x));
    }
    sums += some;
  }
  let total = row_sum(lane, (sums.x + sums.y) + (sums.z + sums.w));
  if (i < p.n && lane % LANES == 0u) { out[i] = total; }
}
