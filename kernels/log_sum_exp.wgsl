// y[o, i] = log sum over r of exp(x[o, r, i])     x: [outer, reduced, inner]
// A running maximum from the lowest number. One lane a result where there are many, LANES lanes a result where there are few.
// Entries of -Infinity weigh nothing, Infinity gives Infinity, NaN gives NaN.
// @use grid rows finite
const FLOOR: f32 = -3.4028234663852886e38;

struct Params { first_group: u32, end_group: u32, outer: u32, reduced: u32, inner: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let result = group * (WG / LANES) + lane / LANES;
  let last = p.outer * p.inner - 1u;
  let start = (min(result, last) / p.inner) * p.reduced * p.inner + min(result, last) % p.inner;
  var top = FLOOR;
  var total = 0.0;
  for (var r = lane % LANES; r < p.reduced; r += LANES) {
    let value = x[start + r * p.inner];
    // exp(0) is promised to 3 ulp only: a sum whose maximum stays is not multiplied by it.
    if (value > top) {
      total = fma(total, exp(top - value), 1.0);
      top = value;
    } else {
      total += select(exp(value - top), 1.0, value == top); // Infinity - Infinity is no number
    }
  }
  let highest = row_max(lane, top);
  let sum = row_sum(lane, total * select(exp(top - highest), 1.0, top == highest));
  if (result > last || lane % LANES != 0u) { return; }
  var value = highest + log(sum);
  if (sum == 0.0) { value = bitcast<f32>(bitcast<u32>(sum) | 0xff800000u); } // nothing but -Infinity
  y[result] = poisoned(value, sum); // which only a NaN makes infinite
}
