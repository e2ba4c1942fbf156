// out[i] = sum_k x[i, k] y[i, k]
// @use grid
const WG: u32 = 64;
const BLOCK: u32 = 256; // products that are one sum: a longer one would gather the roundings of all

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, stride]
@group(0) @binding(2) var<storage, read> y: array<f32>; // [rows, stride]
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.rows) { return; }
  let start = i * p.stride;
  // Four running sums: shorter chains, smaller error.
  var sums = vec4f();
  var k = 0u;
  let end = p.columns - p.columns % 4u;
  while (k < end) {
    let stop = min(k + BLOCK, end);
    var some = vec4f();
    for (; k < stop; k += 4u) {
      let at = start + k;
      some = fma(vec4f(x[at], x[at + 1u], x[at + 2u], x[at + 3u]), vec4f(y[at], y[at + 1u], y[at + 2u], y[at + 3u]), some);
    }
    sums += some;
  }
  for (; k < p.columns; k++) { sums.x = fma(x[start + k], y[start + k], sums.x); }
  out[i] = (sums.x + sums.y) + (sums.z + sums.w);
}
