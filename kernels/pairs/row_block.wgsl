// g[i] = sum_j w_ij u_j: a workgroup has a block of rows i to itself, and takes all columns j in turn
// Weights are in workgroup memory, and nowhere else.
// `weigh` turns a tile of what `pair_tile` gives into weights. A lane adds up FV vec4s of a row's features, WX apart. Each
// kernel below says what `weigh` needs, and where `rows` and `g` are.
// @use grid tile
const FV: u32 = 1; // @tune 1 2
const SPAN: u32 = 1024; // columns whose terms are one sum: a longer one would gather the roundings of all

struct Params { first_group: u32, end_group: u32, n: u32, columns: u32, stride4: u32, row_stride4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // units, transposed: [columns, 4 stride4]
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // the same

const TILE_ROWS4: u32 = TILE_ROWS / 4;

var<workgroup> weights: array<vec4f, TILE_COLUMNS * TILE_ROWS4>; // of the tile: [columns, rows in fours]

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let i = group * TILE_ROWS + local.y * TM;
  for (var first = 0u; first < p.n; first += SPAN) {
    var sums: array<vec4f, TM * FV>;
    // @unroll
    for (var f = 0u; f < TM * FV; f++) {
      sums[f] = vec4f(); // with a value: it would keep that of the iteration before
    }
    for (var j = first; j < min(first + SPAN, p.n); j += TILE_COLUMNS) {
      share_weights(i, j, local);
      workgroupBarrier();
      for (var t = 0u; t < TILE_COLUMNS; t++) {
        var w: array<vec4f, TM4>;
        // @unroll
        for (var m = 0u; m < TM / 4; m++) {
          w[m] = weights[t * TILE_ROWS4 + local.y * TM4 + m];
        }
        // @unroll
        for (var f = 0u; f < FV; f++) {
          let u = rows[(j + t) * p.row_stride4 + local.x + f * WX];
          // @unroll
          for (var m = 0u; m < TM; m++) {
            sums[m * FV + f] = fma(vec4f(w[m / 4u][m % 4u]), u, sums[m * FV + f]);
          }
        }
      }
      workgroupBarrier(); // without it the next tile's weights would meet a slow lane's reads of these
    }
    // @unroll
    for (var m = 0u; m < TM; m++) {
      // @unroll
      for (var f = 0u; f < FV; f++) {
        let at = local.x + f * WX;
        if (at < p.row_stride4) {
          let to = (i + m) * p.row_stride4 + at;
          g[to] = select(g[to] + sums[m * FV + f], sums[m * FV + f], first == 0u);
        }
      }
    }
  }
}

fn share_weights(i: u32, j: u32, local: vec3u) {
  var c: array<vec4f, TILE_BLOCK>;
  tile_clear(&c);
  let j4 = j / 4u + local.x;
  pair_tile(&c, i / 4u, j4);
  weigh(&c, i, j4);
  // @unroll
  for (var v = 0u; v < TV; v++) {
    // @unroll
    for (var q = 0u; q < 4; q++) {
      let column = 4u * (local.x + v * WX) + q;
      // @unroll
      for (var m = 0u; m < TM / 4; m++) {
        weights[column * TILE_ROWS4 + local.y * TM4 + m] =
          vec4f(c[4u * m * TV + v][q], c[(4u * m + 1u) * TV + v][q], c[(4u * m + 2u) * TV + v][q], c[(4u * m + 3u) * TV + v][q]);
      }
    }
  }
}

// @kernel nt_xent_row_block pair_products nt_xent_weigh
// g[i] = sum_j exp(s_ij / tau) (1/Z_i + 1/Z_j) u_j, without i itself and its positive, for the rows of a workgroup
@group(0) @binding(3) var<storage, read> log2_z: array<f32>;
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read> rows: array<vec4f>; // units, [4 stride4, row_stride4]
@group(0) @binding(6) var<storage, read_write> g: array<vec4f>; // [4 stride4, row_stride4]

// @kernel sup_con_row_block pair_products sup_con_weigh
// g[i] = sum_j w_ij u_j for the rows of a workgroup, w as sup_con_panel's
@group(0) @binding(3) var<storage, read> row_factors: array<vec4f>; // see sup_con_rows
@group(0) @binding(4) var<storage, read> target_weights: array<f32>;
@group(0) @binding(5) var<storage, read> temperature: array<f32>;
@group(0) @binding(7) var<storage, read> rows: array<vec4f>; // units, [4 stride4, row_stride4]
@group(0) @binding(8) var<storage, read_write> g: array<vec4f>; // [4 stride4, row_stride4]

// @kernel uniformity_row_block pair_distances uniformity_weigh
// g[i] = sum_j 2 exp(-|u_i - u_j|^2 / (2 tau)) / Z u_j for the rows of a workgroup
@group(0) @binding(3) var<storage, read> weighing: array<f32>; // see uniformity.wgsl
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read> rows: array<vec4f>; // units, [4 stride4, row_stride4]
@group(0) @binding(6) var<storage, read_write> g: array<vec4f>; // [4 stride4, row_stride4]
