// out[o, i] = scale * sum over r of x[offset + (o, r, i)] (+ out[o, i])     x: [outer, reduced, inner]
// One lane a result where there are many, LANES lanes a result where there are few; the order is fixed either way.
// @use grid rows
const BLOCK: u32 = 32; // steps that are one sum, and such sums that are one: a longer chain would gather the roundings of all

struct Params {
  first_group: u32, end_group: u32,
  outer: u32, reduced: u32, inner: u32, offset: u32, scale: f32, accumulating: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let result = group * (WG / LANES) + lane / LANES;
  let last = p.outer * p.inner - 1u;
  let start = p.offset + (min(result, last) / p.inner) * p.reduced * p.inner + min(result, last) % p.inner;
  // Four running sums: shorter chains, smaller error.
  var sums = vec4f();
  let end = p.reduced - min(p.reduced, 3u * LANES); // a four that starts before it lies within
  let stride = 4u * LANES;
  let first = lane % LANES;
  for (var head = first; head < end; head += stride * BLOCK * BLOCK) {
    let stop = min(head + stride * BLOCK * BLOCK, end);
    var more = vec4f();
    for (var low = head; low < stop; low += stride * BLOCK) {
      var some = vec4f();
      for (var r = low; r < min(low + stride * BLOCK, stop); r += stride) {
        some += vec4f(x[start + r * p.inner], x[start + (r + LANES) * p.inner], x[start + (r + 2u * LANES) * p.inner],
                      x[start + (r + 3u * LANES) * p.inner]);
      }
      more += some;
    }
    sums += more;
  }
  // What is left after the last whole four of this lane.
  let fours = (end - min(first, end) + stride - 1u) / stride;
  for (var r = first + fours * stride; r < p.reduced; r += LANES) { sums.x += x[start + r * p.inner]; }
  let total = row_sum(lane, (sums.x + sums.y) + (sums.z + sums.w));
  if (result <= last && lane % LANES == 0u) {
    let before = select(0.0, out[result], p.accumulating == 1u);
    out[result] = fma(total, p.scale, before);
  }
}
