// total[i] = total[i] + more[i]
// @use grid
const WG: u32 = 256;
const EACH: u32 = 4; // elements an invocation, as in unary

struct Params { first_group: u32, end_group: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> total: array<f32>;
@group(0) @binding(2) var<storage, read> more: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let end = min((group + 1u) * EACH * WG, p.count);
  for (var i = group * EACH * WG + lane; i < end; i += WG) { total[i] += more[i]; }
}
