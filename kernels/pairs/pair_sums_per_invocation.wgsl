// R[i] = sum over j of e_ij, as pair_sums, for adapters on which a barrier is dear: every lane keeps what it summed
// A software adapter turns a kernel with a barrier into coroutines whose accumulators live in memory (9 GFLOP/s on
// lavapipe, not 15). Here nothing crosses lanes: a row ends with WX partial sums a block, which the next kernel adds up
// in order. Needs WY = 1.
// @use grid tile stored triangle
struct Params {
  first_group: u32, end_group: u32,
  n: u32, columns: u32, stride4: u32, edge: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<stored4>; // units, transposed: [columns, 4 stride4]
@group(0) @binding(2) var<storage, read> rhs: array<stored4>; // the same
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<storage, read_write> partial: array<f32>; // [1 + POSITIVES, blocks, WX, 4 stride4]

const LOG2E: f32 = 1.4426950408889634;
const MAX_EDGE: u32 = 64; // @tune 64 256 2048
const ROW_SUMS: u32 = MAX_EDGE * (1 + POSITIVES);
const DOWN: u32 = TV * (1 + POSITIVES);

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let cell = triangle_block(group);
  let stride = 4u * p.stride4;
  let behind = (stride / p.edge) * WX * stride; // where sums of positives start
  let k = LOG2E / temperature[0];
  var row_sums: array<f32, ROW_SUMS>;
  for (var i = 0u; i < p.edge; i++) {
    row_sums[i] = 0.0;
    if (POSITIVES == 1u) { row_sums[MAX_EDGE + i] = 0.0; }
  }

  for (var left = 0u; left < p.edge; left += TILE_COLUMNS) {
    let column4 = (cell.y * p.edge + left) / 4u + local.x;
    var down: array<vec4f, DOWN>;
    // @unroll
    for (var v = 0u; v < DOWN; v++) {
      down[v] = vec4f();
    }
    for (var top = 0u; top < p.edge; top += TM) {
      let row = cell.x * p.edge + top;
      var c: array<vec4f, TILE_BLOCK>;
      tile_clear(&c);
      pair_tile(&c, row / 4u, column4);
      // Unrolled, lavapipe took 10 s to compile the additions to memory. It pays for every entry of an array that a loop reads or writes.
      // @unroll REGISTERS or loop
      for (var m = 0u; m < TM; m++) {
        let i = row + m;
        let mark = vec4u(row_mark(i));
        var across = 0.0;
        var across_positive = 0.0;
        // @unroll
        for (var v = 0u; v < TV; v++) {
          let j = vec4u(4u * (column4 + v * WX)) + vec4u(0u, 1u, 2u, 3u);
          let positive = column_mark(j) == mark;
          let skip = (j == vec4u(i)) | (j >= vec4u(p.n));
          let power = select(exp2(less_1(c[m * TV + v]) * k), vec4f(), skip);
          c[m * TV + v] = select(power, vec4f(), positive & vec4<bool>(POSITIVES == 0u));
          let e = select(power, vec4f(), positive);
          across += (e.x + e.y) + (e.z + e.w);
          down[v] += select(e, vec4f(), i >= p.n);
          if (POSITIVES == 1u) {
            let e_positive = select(vec4f(), power, positive);
            across_positive += (e_positive.x + e_positive.y) + (e_positive.z + e_positive.w);
            down[(DOWN - TV) + v] += select(e_positive, vec4f(), i >= p.n);
          }
        }
        row_sums[top + m] += across;
        if (POSITIVES == 1u) { row_sums[MAX_EDGE + top + m] += across_positive; }
      }
      store_in_cache(&c, group, top, left / 4u + local.x);
    }
    if (cell.x != cell.y) {
      // @unroll
      for (var v = 0u; v < TV; v++) {
        let at = cell.x * WX * stride + 4u * (column4 + v * WX);
        partial[at] = down[v].x;
        partial[at + 1u] = down[v].y;
        partial[at + 2u] = down[v].z;
        partial[at + 3u] = down[v].w;
        if (POSITIVES == 1u) {
          partial[behind + at] = down[(DOWN - TV) + v].x;
          partial[behind + at + 1u] = down[(DOWN - TV) + v].y;
          partial[behind + at + 2u] = down[(DOWN - TV) + v].z;
          partial[behind + at + 3u] = down[(DOWN - TV) + v].w;
        }
      }
    }
  }
  for (var i = 0u; i < p.edge; i++) {
    let at = (cell.y * WX + local.x) * stride + cell.x * p.edge + i;
    partial[at] = row_sums[i];
    if (POSITIVES == 1u) { partial[behind + at] = row_sums[MAX_EDGE + i]; }
  }
}

// @kernel nt_xent_sums_per_invocation pair_products cache_nothing mark_partner
// @kernel nt_xent_sums_per_invocation_cached pair_products cache_tile mark_partner
// @kernel sup_con_sums_per_invocation pair_products cache_nothing mark_class
// @kernel sup_con_sums_per_invocation_cached pair_products cache_tile mark_class
// @kernel uniformity_sums_per_invocation pair_distances cache_nothing mark_nobody
// @kernel uniformity_sums_per_invocation_cached pair_distances cache_tile mark_nobody
