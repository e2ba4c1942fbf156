// w_ji = e_ij / tau, e_ij = exp((s_ij - 1) / tau), for the columns j of a panel and all rows i; partial sums of e over TM columns
// One shift serves all: see README's Numerics. A row's own positive and what is past the panel get 0.
// @use grid tile store_panel
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, lhs_stride4: u32, rhs_stride4: u32, first: u32, width4: u32, strips: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // unit columns j of the panel: [depth, 4 lhs_stride4]
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // unit rows i: [depth, 4 rhs_stride4]
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<storage, read> positives: array<u32>; // among all columns; past them for none
@group(0) @binding(5) var<storage, read_write> weights: array<vec4f>; // [panel, 4 width4]
@group(0) @binding(6) var<storage, read_write> partial: array<vec4f>; // [panel / TM, 4 width4]

const LOG2E: f32 = 1.4426950408889634;

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let j0 = (group / p.strips) * TILE_ROWS + local.y * TM; // within the panel
  let i4 = (group % p.strips) * (TILE_COLUMNS / 4u) + local.x;
  var c: array<vec4f, TILE_BLOCK>;
  tile_clear(&c);
  tile_product(&c, j0 / 4u, p.lhs_stride4, i4, p.rhs_stride4, p.depth);
  let inverse = 1.0 / temperature[0];
  let k = LOG2E * inverse;
  let last = p.rows - 1u;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let at = min(vec4u(4u * (i4 + v * WX)) + vec4u(0u, 1u, 2u, 3u), vec4u(last));
    let positive = vec4u(positives[at.x], positives[at.y], positives[at.z], positives[at.w]);
    var sums = vec4f();
    // @unroll REGISTERS or loop
    for (var m = 0u; m < TM; m++) {
      let blank = j0 + m >= p.columns;
      let skip = (positive == vec4u(p.first + j0 + m)) | vec4<bool>(blank);
      let e = select(exp2((c[m * TV + v] - 1.0) * k), vec4f(), skip);
      sums += e;
      c[m * TV + v] = e * inverse;
    }
    if (i4 + v * WX < p.width4) { partial[(j0 / TM) * p.width4 + i4 + v * WX] = sums; }
  }
  store_panel(&c, j0, i4, p.columns);
}
