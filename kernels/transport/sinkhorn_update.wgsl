// w_k = w_k / mean_n p_nk, from the sums of sinkhorn_sweep
// The mean is that of a plan whose rows are right, at most K and at least 1 / N^2: it needs no exponent of its own.
// @use grid scaling
const ACROSS: u32 = 16;
const PARTS: u32 = 16;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, parts: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>; // [parts, columns]
@group(0) @binding(2) var<storage, read_write> w: array<vec2f>; // (e, r)

var<workgroup> sums: array<f32, ACROSS * PARTS>;

@compute @workgroup_size(ACROSS, PARTS)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let k = group * ACROSS + local.x;
  let clamped = min(k, p.columns - 1u);
  var sum = 0.0;
  for (var part = local.y; part < p.parts; part += PARTS) { sum += partial[part * p.columns + clamped]; }
  sums[local.y * ACROSS + local.x] = sum;
  workgroupBarrier();
  if (local.y > 0u || k >= p.columns) { return; }
  var total = 0.0;
  for (var i = 0u; i < PARTS; i++) { total += sums[i * ACROSS + local.x]; }
  w[k] = scaling(w[k].x, (1.0 + w[k].y) * (f32(p.rows) / total));
}
