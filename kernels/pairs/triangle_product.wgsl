// g[i] = sum_j w_ij u_j, w symmetric and cached as the blocks of its triangle
// A workgroup owns rows of one block row I: for J >= I it reads block (I, J) along its rows, for J < I block (J, I)
// along its columns, so that no two workgroups write the same row and nothing is transposed.
// @use grid tile tile_rows
struct Params { first_group: u32, end_group: u32, edge: u32, blocks: u32, row_stride4: u32, columns: u32, strips: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // w: [blocks of the triangle, edge, edge]
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // u: [rows, 4 row_stride4]
@group(0) @binding(3) var<storage, read_write> g: array<f32>; // [rows, 4 row_stride4]

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = (group / p.strips) * TILE_ROWS + local.y * TM;
  let column4 = (group % p.strips) * (TILE_COLUMNS / 4u) + local.x;
  let I = (group / p.strips) * TILE_ROWS / p.edge; // one for all lanes, as whole tiles make an edge
  let inside = row % p.edge;
  let width = p.edge / 4u;
  var c: array<vec4f, TILE_BLOCK>;
  tile_clear(&c);
  let span = max(1u, 2u * TILE_SPAN / p.edge);
  for (var first = 0u; first < p.blocks; first += span) {
    let end = min(first + span, p.blocks);
    var part: array<vec4f, TILE_BLOCK>;
    tile_clear(&part);
    for (var J = first; J < min(I, end); J++) {
      let cell = I * (I + 1u) / 2u + J;
      tile_product(&part, cell * p.edge * left_stride(width) + inside / 4u, width,
                   J * p.edge * right_stride(p.row_stride4) + column4, p.row_stride4, p.edge);
    }
    for (var J = max(I, first); J < end; J++) {
      let cell = J * (J + 1u) / 2u + I;
      tile_product_rows(&part, (cell * p.edge + inside) * left_stride(width), width,
                        J * p.edge * right_stride(p.row_stride4) + column4, p.row_stride4, width);
    }
    tile_add(&c, &part);
  }
  let stride = 4u * p.row_stride4;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let column = 4u * (column4 + v * WX);
    if (column < p.columns) {
      // @unroll REGISTERS or loop
      for (var m = 0u; m < TM; m++) {
        // @unroll
        for (var q = 0u; q < 4; q++) {
          if (column + q < p.columns) { g[(row + m) * stride + column + q] = c[m * TV + v][q]; }
        }
      }
    }
  }
}
