// partial[s, i, j] = sum over the k of slice s of lhs[k, i] rhs[k, j], in square blocks
// Both operands are k-major. With `triangle` (lhs is rhs) only the blocks I <= J are made: gram_sum mirrors them. The
// slices give a long sum of few products enough workgroups, and shorter chains.
// @use grid tile_long triangle
struct Params {
  first_group: u32, end_group: u32,
  depth: u32, slice_depth: u32, blocks: u32, cells: u32, triangle: u32, lhs_stride4: u32, rhs_stride4: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // [depth, 4 lhs_stride4]
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // [depth, 4 rhs_stride4]
@group(0) @binding(3) var<storage, read_write> partial: array<vec4f>; // [slices, blocks TILE_COLUMNS, the same]

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let slice = group / p.cells;
  let cell = group - slice * p.cells;
  var corner = vec2u(cell / p.blocks, cell % p.blocks);
  if (p.triangle == 1u) { corner = triangle_block(cell); }
  let first = slice * p.slice_depth;
  let depth = min(p.slice_depth, p.depth - first);
  let column4 = corner.y * (TILE_COLUMNS / 4u) + local.x;
  let rows = p.blocks * TILE_COLUMNS;
  for (var top = 0u; top < TILE_COLUMNS; top += TILE_ROWS) {
    let row = corner.x * TILE_COLUMNS + top + local.y * TM;
    var c: array<vec4f, TILE_BLOCK>;
    tile_clear(&c);
    tile_long_product(&c, first * left_stride(p.lhs_stride4) + row / 4u, p.lhs_stride4,
                      first * right_stride(p.rhs_stride4) + column4, p.rhs_stride4, depth);
    let at = (slice * rows + row) * (rows / 4u) + column4;
    // @unroll REGISTERS or loop
    for (var m = 0u; m < TM; m++) {
      // @unroll
      for (var v = 0u; v < TV; v++) {
        partial[at + m * (rows / 4u) + v * WX] = c[m * TV + v];
      }
    }
  }
}
