// loss[i] = log(1 + R[i] / e_positive) from a running maximum, and slope[i] = d loss[i] / d log(1 / temperature)
// top, sum and weighted come from a row pass that skipped i and its positive. slope = sum_j p_ij (l_ij - l_positive), in
// which the positive's own term is 0, so that nothing cancels near zero.
// @use grid contrast
const WG: u32 = 64;
const LOG2E: f32 = 1.4426950408889634;

struct Params { first_group: u32, end_group: u32, n: u32, row_stride4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> tops: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>; // in: sums; out: slopes (there is room for 8 buffers)
@group(0) @binding(3) var<storage, read> weighteds: array<f32>;
@group(0) @binding(4) var<storage, read> units: array<vec4f>; // [n, row_stride4]
@group(0) @binding(5) var<storage, read> temperature: array<f32>;
@group(0) @binding(6) var<storage, read_write> losses: array<f32>;
@group(0) @binding(7) var<storage, read_write> log2_z: array<f32>;
@group(0) @binding(8) var<storage, read_write> miss: array<f32>;

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
  let positive = ((products.x + products.y) + (products.z + products.w)) * LOG2E / temperature[0];
  let top = tops[i];
  let rest = sums[i];
  let weighted = weighteds[i];
  let row = contrast(rest, top, positive);
  losses[i] = row.loss;
  log2_z[i] = row.log2_z;
  miss[i] = row.miss;
  var slope = 0.0;
  if (rest > 0.0) { slope = exp2(min(top - row.log2_z, 126.0)) * fma(rest, top - positive, weighted) * LN2; }
  sums[i] = slope;
}
