// w_ij = e_ij (factor_i + factor_j) - (target_weight_i + target_weight_j) in place over the cached triangle; 0 for i = j
// Factors are those of the rows' positives where i and j are of one class, else of their negatives, which have no target weight.
// @use grid triangle mark_class
const WG: u32 = 64;
const ROWS: u32 = 4;

struct Params { first_group: u32, end_group: u32, n: u32, edge: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> row_factors: array<vec4f>; // see sup_con_rows
@group(0) @binding(2) var<storage, read> target_weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> cache: array<vec4f>; // [blocks of the triangle, edge, edge]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let width = p.edge / 4u;
  // An invocation serves ROWS rows of its four columns. edge is a multiple of 32: whole workgroups, each within one block.
  let share = group * WG + lane;
  let row = ROWS * (share / width);
  let column4 = share % width;
  let cell = triangle_block(group / (p.edge * width / ROWS / WG));
  let j = vec4u(cell.y * p.edge + 4u * column4) + vec4u(0u, 1u, 2u, 3u);
  let last = p.n - 1u;
  let clamped = min(j, vec4u(last));
  let marks = column_mark(j);
  let x = row_factors[clamped.x];
  let y = row_factors[clamped.y];
  let z = row_factors[clamped.z];
  let w = row_factors[clamped.w];
  let factor_negative = vec4f(x.y, y.y, z.y, w.y);
  let factor_positive = vec4f(x.w, y.w, z.w, w.w);
  let target_weight_j = vec4f(target_weights[clamped.x], target_weights[clamped.y], target_weights[clamped.z], target_weights[clamped.w]);
  // @unroll
  for (var m = 0u; m < ROWS; m++) {
    let at = (row + m) * width + column4;
    let i = cell.x * p.edge + (row + m) % p.edge;
    let own = min(i, last);
    let same = marks == vec4u(row_mark(i));
    let factor = select(factor_negative + row_factors[own].y, factor_positive + row_factors[own].w, same);
    let target_weight = select(vec4f(), target_weight_j + target_weights[own], same);
    let blank = i >= p.n;
    let skip = (j == vec4u(i)) | (j >= vec4u(p.n)) | vec4<bool>(blank);
    cache[at] = select(fma(cache[at], factor, -target_weight), vec4f(), skip);
  }
}
