// w_ji = sum over both rows of factor 2^(l_ij - top) - hold, for the columns j of a panel and all rows i from its first on
// top, factor and hold are those of a row's positives where i and j are of one class, else of its negatives, which have
// no hold; w is 0 for i = j. A top is no smaller than the logit, so nothing overflows at any temperature.
// @use grid tile stored mark_class store_panel
struct Params {
  first_group: u32, end_group: u32,
  n: u32, columns: u32, stride4: u32, first: u32, width4: u32, strips: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<stored4>; // units, transposed: [columns, 4 stride4]
@group(0) @binding(2) var<storage, read> rhs: array<stored4>; // the same
@group(0) @binding(3) var<storage, read> pulls: array<vec4f>; // see sup_con_rows
@group(0) @binding(4) var<storage, read> holds: array<f32>;
@group(0) @binding(5) var<storage, read> temperature: array<f32>;
@group(0) @binding(7) var<storage, read_write> weights: array<vec4f>; // [panel, 4 width4], rows i - first

const LOG2E: f32 = 1.4426950408889634;

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let j0 = (group / p.strips) * TILE_ROWS + local.y * TM; // within the panel
  let i4 = (group % p.strips) * (TILE_COLUMNS / 4u) + local.x; // vec4s start the panel's first row
  var c: array<vec4f, TILE_BLOCK>;
  tile_clear(&c);
  tile_product(&c, (p.first + j0) / 4u, p.stride4, p.first / 4u + i4, p.stride4, p.columns);
  let k = vec4f(LOG2E / temperature[0]);
  let last = p.n - 1u;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let i = vec4u(p.first + 4u * (i4 + v * WX)) + vec4u(0u, 1u, 2u, 3u);
    let marks = column_mark(i);
    let at = min(i, vec4u(last));
    let x = pulls[at.x];
    let y = pulls[at.y];
    let z = pulls[at.z];
    let w = pulls[at.w];
    let hold = vec4f(holds[at.x], holds[at.y], holds[at.z], holds[at.w]);
    // @unroll
    for (var m = 0u; m < TM; m++) {
      let j = p.first + j0 + m;
      let pull = pulls[min(j, last)];
      let same = marks == vec4u(row_mark(j));
      let s = c[m * TV + v];
      let top_i = select(vec4f(x.x, y.x, z.x, w.x), vec4f(x.z, y.z, z.z, w.z), same);
      let factor_i = select(vec4f(x.y, y.y, z.y, w.y), vec4f(x.w, y.w, z.w, w.w), same);
      let top_j = select(vec4f(pull.x), vec4f(pull.z), same);
      let factor_j = select(vec4f(pull.y), vec4f(pull.w), same);
      let both = factor_i * exp2(min(fma(s, k, -top_i), vec4f())) + factor_j * exp2(min(fma(s, k, -top_j), vec4f()));
      let held = select(vec4f(), hold + holds[min(j, last)], same);
      let blank = j >= p.n;
      let skip = (i == vec4u(j)) | (i >= vec4u(p.n)) | vec4<bool>(blank);
      c[m * TV + v] = select(both - held, vec4f(), skip);
    }
  }
  store_panel(&c, j0, i4, j0 + TM);
}
