// offset = (half of a - b, a, b, origin), of the means of some rows a and b of two sides: see gap_scores. Where nothing is
// reflected rows are scattered, and their means differ by chance: all is 0 then, and origin, what squared distances are less, 2.
// @use grid finite
const WG: u32 = 64;
const SOME: u32 = 256; // rows: any offset is right, and one near the means spares digits

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, a_stride: u32, b_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>; // [rows, a_stride]
@group(0) @binding(2) var<storage, read> b: array<f32>; // [rows, b_stride]
@group(0) @binding(3) var<storage, read> reflection: array<f32>; // see reflection.wgsl
@group(0) @binding(4) var<storage, read_write> offset: array<f32>; // [3 columns + 1]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  let step = (p.rows + SOME - 1u) / SOME;
  var sums = vec2f();
  var count = 0.0;
  for (var i = 0u; i < p.rows; i += step) {
    let row = vec2f(a[i * p.a_stride + k], b[i * p.b_stride + k]);
    // A row that is no number spoils its own scores, and not those of all.
    if (not_finite(row.x) || not_finite(row.y)) { continue; }
    sums += row;
    count += 1.0;
  }
  let means = select(vec2f(), sums / max(count, 1.0), reflection[p.columns + 1u] > 0.0);
  if (k == 0u) { offset[3u * p.columns] = select(2.0, 0.0, reflection[p.columns + 1u] > 0.0); }
  offset[k] = 0.5 * (means.x - means.y);
  offset[p.columns + k] = means.x;
  offset[2u * p.columns + k] = means.y;
}
