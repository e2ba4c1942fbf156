// apart[i] = u_i - u_0 of unit rows, and log_means[at + i].x = v_0.(u_i - u_0), v_0 the first row of those that they meet
// Both are of length 1, so where u_i is nearly parallel to u_0 the difference has -|u_i - u_0|^2 / 2 along u_0, with digits
// that an entry near 1 rounds away.
// any is set where one of the rows cancels.
// @use grid rows
struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, stride: u32, at: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units: array<f32>; // u: [rows, stride]
@group(0) @binding(2) var<storage, read> others: array<f32>; // v
@group(0) @binding(3) var<storage, read> inverse_norms: array<f32>; // above 0 where the row is of length 1
@group(0) @binding(4) var<storage, read> cancels: array<u32>;
@group(0) @binding(5) var<storage, read_write> apart: array<f32>; // [rows, stride]
@group(0) @binding(6) var<storage, read_write> log_means: array<vec4f>; // see cross_log_means
@group(0) @binding(7) var<storage, read_write> any: array<atomic<u32>>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let i = min(row, p.rows - 1u);
  var sums = vec2f(); // |x|^2, u_0.x, x = u_i - u_0
  for (var k = lane % LANES; k < p.columns; k += LANES) {
    let first = units[k];
    let x = units[i * p.stride + k] - first;
    sums = fma(vec2f(x), vec2f(x, first), sums);
  }
  let square = row_sum(lane, sums.x);
  let along = row_sum(lane, sums.y);
  let nearly_parallel = square < 0.0625 && inverse_norms[i] > 0.0 && inverse_norms[0] > 0.0;
  let off = select(0.0, fma(0.5, square, along), nearly_parallel);
  var product = 0.0;
  for (var k = lane % LANES; k < p.columns; k += LANES) {
    let first = units[k];
    let x = fma(-off, first, units[i * p.stride + k] - first);
    product = fma(x, others[k], product);
    if (row < p.rows) { apart[i * p.stride + k] = x; }
  }
  product = row_sum(lane, product);
  if (row >= p.rows || lane % LANES != 0u) { return; }
  log_means[p.at + i].x = product;
  if (cancels[i] == 1u) { atomicOr(&any[0], 1u); }
}
