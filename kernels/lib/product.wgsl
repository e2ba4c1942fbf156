// out[row + m, 4 column4 ..] = scale * what the kernel's `gather` adds up over p.depth (+ out), a register tile a lane
// @use tile_main
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, strips: u32,
  lhs_at4: u32, lhs_stride4: u32, rhs_at4: u32, rhs_stride4: u32, out_at: u32, out_stride: u32,
  scale: f32, accumulating: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>;
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
