// loss[i] = log(1 + R[i] / e_positive), and log2 Z[i], 1 - p_positive for the gradient
// R[i] comes as partial sums. The positive's logit is a dot product of its own, in f32, from the units.
// @use grid contrast partial_sum
const WG: u32 = 64;
const LOG2E: f32 = 1.4426950408889634;

struct Params { first_group: u32, end_group: u32, n: u32, blocks: u32, edge: u32, slots: u32, partial_stride: u32, row_stride4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>; // [blocks, slots, partial_stride]
@group(0) @binding(2) var<storage, read> units: array<vec4f>; // [n, row_stride4]
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
@group(0) @binding(5) var<storage, read_write> log2_z: array<f32>;
@group(0) @binding(6) var<storage, read_write> miss: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.n) { return; }
  let half = p.n / 2u;
  let j = select(i + half, i - half, i >= half);
  var products = vec4f();
  for (var d = 0u; d < p.row_stride4; d++) {
    products = fma(units[i * p.row_stride4 + d], units[j * p.row_stride4 + d], products);
  }
  let cosine = (products.x + products.y) + (products.z + products.w);
  let k = LOG2E / temperature[0];
  let row = contrast(partial_sum(i, 0u), k, poisoned(cosine * k, temperature[0]));
  losses[i] = row.loss;
  log2_z[i] = row.log2_z;
  miss[i] = row.miss;
}
