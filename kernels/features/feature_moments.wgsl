// mean[k], spread[k] over all rows from those of slices of them, and scale[k] = 1 / sqrt(spread / rows + epsilon)
// spread = sum over s of spread_s + n_s (mean_s - mean)^2. Without `standardising`, scale = 1.
// @use grid
const WG: u32 = 64;
const BLOCK: u32 = 32; // slices that are one sum: a longer one would gather the roundings of all

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, slice_rows: u32, slices: u32, standardising: u32, epsilon: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> means: array<f32>; // [slices, columns]
@group(0) @binding(2) var<storage, read> spreads: array<f32>; // [slices, columns]
@group(0) @binding(3) var<storage, read_write> moments: array<vec4f>; // [columns], see standard

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  let start = means[k];
  var off = 0.0;
  for (var first = 0u; first < p.slices; first += BLOCK) {
    var part = 0.0;
    for (var s = first; s < min(first + BLOCK, p.slices); s++) {
      part += (means[s * p.columns + k] - start) * f32(min(p.slice_rows, p.rows - s * p.slice_rows));
    }
    off += part;
  }
  let mean = start + off / f32(p.rows);
  var spread = 0.0;
  for (var first = 0u; first < p.slices; first += BLOCK) {
    var part = 0.0;
    for (var s = first; s < min(first + BLOCK, p.slices); s++) {
      let apart = means[s * p.columns + k] - mean;
      part += spreads[s * p.columns + k] + apart * apart * f32(min(p.slice_rows, p.rows - s * p.slice_rows));
    }
    spread += part;
  }
  let scale = select(1.0, 1.0 / sqrt(spread / f32(p.rows) + p.epsilon), p.standardising == 1u);
  moments[k] = vec4f(mean, scale, spread, 1.0);
}
