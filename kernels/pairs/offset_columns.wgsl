// u'_i = u_i + way * half, and terms[first + i] = shortfall_i - 2 way half.(u_i - mean): see gap_scores; terms[blank_at + i]: is u_i 0?
// @use grid fine_shortfall coarse
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  count: u32, columns: u32, stride: u32, first: u32, blank_at: u32, mean_at: u32, way: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> offset: array<f32>; // see side_offset.wgsl
@group(0) @binding(2) var<storage, read_write> units_t: array<f32>; // [columns, stride]; out: shifted
@group(0) @binding(3) var<storage, read_write> terms: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  var square = 0.0;
  var rest = 0.0;
  var slant = 0.0;
  for (var k = 0u; k < p.columns; k++) {
    let at = k * p.stride + i;
    let u = units_t[at];
    let part = coarse(vec4f(u * u)).x;
    square += part;
    rest += u * u - part;
    slant = fma(offset[k], u - offset[p.mean_at + k], slant);
    units_t[at] = u + p.way * offset[k];
  }
  terms[p.first + i] = fma(-2.0 * p.way, slant, fine_shortfall(square, rest, offset[3u * p.columns] > 0.0));
  if (p.blank_at > 0u) { terms[p.blank_at + i] = select(0.0, 1.0, square + rest == 0.0); }
}
