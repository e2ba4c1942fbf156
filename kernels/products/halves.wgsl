// out[r, c] = part(part_scale x[r, c]), zeros past x's rows and columns; SPLIT: what that rounds away follows as a second copy
// Two halves of 11 bits hold 22 of an f32's 24. One invocation makes four neighbours of one row.
// @use grid part power_of_two
const WG: u32 = 64;
const SPLIT: u32 = 0; // @tune 0 1

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, x_at: u32, x_stride: u32, out_rows: u32, out_stride: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> top: array<u32>; // bits of x's largest magnitude
@group(0) @binding(3) var<storage, read_write> out: array<vec4<part>>; // [1 + SPLIT, out_rows, out_stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let four = group * WG + lane;
  let stride4 = p.out_stride / 4u;
  let r = four / stride4;
  if (group >= p.end_group || r >= p.out_rows) { return; }
  let c = 4u * (four % stride4);
  let part_scale = power_of_two(part_scale_exponent(top[0]));
  var value = vec4f();
  if (r < p.rows) {
    let at = p.x_at + r * p.x_stride + c;
    if (c < p.columns) { value.x = x[at]; }
    if (c + 1u < p.columns) { value.y = x[at + 1u]; }
    if (c + 2u < p.columns) { value.z = x[at + 2u]; }
    if (c + 3u < p.columns) { value.w = x[at + 3u]; }
  }
  value *= part_scale;
  let high = vec4f(high_part(value.x), high_part(value.y), high_part(value.z), high_part(value.w));
  out[four] = vec4<part>(high);
  if (SPLIT == 1u) { out[p.out_rows * stride4 + four] = vec4<part>(value - high); }
}
