// out[i, j] = scale * sum over s of partial[s, i, j] (+ out[i, j]), the blocks below the diagonal from their mirror images
// One lane a column and EACH rows: an element a lane costs lavapipe three times the time.
// @use grid
const WG: u32 = 64;
const EACH: u32 = 8;

struct Params {
  first_group: u32, end_group: u32,
  n: u32, strips: u32, edge: u32, stride: u32, slices: u32, triangle: u32, out_stride: u32, accumulating: u32, scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>; // [slices, stride, stride], blocks of edge x edge
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [n, out_stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let j = (group % p.strips) * WG + lane;
  if (group >= p.end_group || j >= p.n) { return; }
  let first = (group / p.strips) * EACH;
  let end = min(first + EACH, p.n);
  let below = (j / p.edge + 1u) * p.edge; // the first row past the block of the diagonal
  for (var i = first; i < end; i++) {
    let mirrored = p.triangle == 1u && i >= below;
    let source = select(i * p.stride + j, j * p.stride + i, mirrored);
    var total = 0.0;
    for (var s = 0u; s < p.slices; s++) { total += partial[s * p.stride * p.stride + source]; }
    let to = i * p.out_stride + j;
    var before = 0.0;
    if (p.accumulating == 1u) { before = out[to]; }
    out[to] = fma(total, p.scale, before);
  }
}
