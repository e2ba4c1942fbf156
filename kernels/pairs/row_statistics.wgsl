// statistics[first + i] = (sum, top, weighted, level) of row i of a row pass: see row_pass
// top is a score. level is what its logits lack: of a pass over 1 - s_ij (gap = 1, see gap_scores) what is the same for all j.
// Of the negatives, whose level is the positives', it is instead half the origin, see shortfalls, or -1 for a row of zeros.
// @use grid
const WG: u32 = 64;
const LOG2E: f32 = 1.4426950408889634;

struct Params { first_group: u32, end_group: u32, n: u32, first: u32, gap: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> tops: array<f32>;
@group(0) @binding(2) var<storage, read> sums: array<f32>;
@group(0) @binding(3) var<storage, read> weighteds: array<f32>;
@group(0) @binding(4) var<storage, read> shortfalls: array<f32>;
@group(0) @binding(5) var<storage, read> temperature: array<f32>;
@group(0) @binding(6) var<storage, read_write> statistics: array<vec4f>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.n) { return; }
  let k = LOG2E / temperature[0];
  var level = 0.0;
  if (p.gap == 1u) {
    let half_origin = 0.5 * shortfalls[p.n + i];
    level = (1.0 - shortfalls[i] - half_origin) * k;
    if (p.first == 0u) { level = select(half_origin, -1.0, shortfalls[i] == 0.5); }
  }
  statistics[p.first + i] = vec4f(sums[i], tops[i], weighteds[i], level);
}
