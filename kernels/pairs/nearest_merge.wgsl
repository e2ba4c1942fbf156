// indices[i], scores[i] = the best of the parts of row i, the lowest column of equals; scores times p.sign
// @use grid finite
const WG: u32 = 64;
const NONE: u32 = 0xffffffffu;

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, parts: u32, sign: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> part_scores: array<f32>; // [parts, rows]
@group(0) @binding(2) var<storage, read> part_indices: array<u32>; // [parts, rows]
@group(0) @binding(3) var<storage, read_write> scores: array<f32>;
@group(0) @binding(4) var<storage, read_write> indices: array<i32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.rows) { return; }
  var best = part_scores[i];
  var at = part_indices[i];
  for (var n = 1u; n < p.parts; n++) {
    let s = part_scores[n * p.rows + i];
    let j = part_indices[n * p.rows + i];
    if (s > best || (s == best && j < at)) {
      best = s;
      at = j;
    }
  }
  var score = best * p.sign;
  if (best == 3.4028234663852886e38) { score = as_nan(score); } // see row_nearest
  if (at == NONE) { score = -p.sign * bitcast<f32>(at & 0x7f800000u); } // all are infinitely far
  scores[i] = score;
  indices[i] = i32(min(at, p.columns - 1u));
}
