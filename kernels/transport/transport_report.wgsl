// marginal_error = mean |excess|, converged = 1 where it is within tolerance, iterations: as counted, or as fixed
// @use grid rows solver_state
const BLOCK: u32 = 64; // rows that are one sum: a longer one would gather the roundings of all

struct Params { first_group: u32, end_group: u32, rows: u32, fixed_iterations: u32, tolerance: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> excess: array<f32>;
@group(0) @binding(2) var<storage, read> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> marginal_error: array<f32>;
@group(0) @binding(4) var<storage, read_write> converged: array<f32>;
@group(0) @binding(5) var<storage, read_write> iterations: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  if (group_number(id, grid) >= p.end_group) { return; }
  var total = 0.0;
  for (var head = lane % LANES; head < p.rows; head += BLOCK * LANES) {
    var part = 0.0;
    for (var i = head; i < min(head + BLOCK * LANES, p.rows); i += LANES) { part += abs(excess[i]); }
    total += part;
  }
  let error = row_sum(lane, total) / f32(p.rows);
  if (lane > 0u) { return; }
  marginal_error[0] = error;
  converged[0] = select(0.0, 1.0, error <= p.tolerance);
  iterations[0] = select(state[ITERATIONS], f32(p.fixed_iterations), p.fixed_iterations > 0u);
}
