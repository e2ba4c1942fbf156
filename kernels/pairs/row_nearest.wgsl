// nearest[i] = the column j of the largest scale * s_ij, the lowest of equals, and that score; in parts
// One workgroup sweeps TILE_ROWS rows through one slice of the columns; each invocation keeps the best of its own columns,
// which the next kernel merges: nothing crosses lanes. The kernel says what `scores` adds to a tile.
// A score that is NaN counts as the largest number, so that it is found and not passed by.
// @use grid tile skip finite
const FLOOR: f32 = -3e38; // below every score
const OF_NAN: f32 = 3.4028234663852886e38;
const NONE: u32 = 0xffffffffu;

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, columns: u32, depth: u32, lhs_stride4: u32, rhs_stride4: u32, slices: u32, slice_columns: u32,
  scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // [depth, 4 lhs_stride4]
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // [depth, 4 rhs_stride4]
@group(0) @binding(3) var<storage, read_write> part_scores: array<f32>; // [slices, WX, rows]
@group(0) @binding(4) var<storage, read_write> part_indices: array<u32>; // [slices, WX, rows]

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let slice = group % p.slices;
  let row = (group / p.slices) * TILE_ROWS + local.y * TM;
  let end = min((slice + 1u) * p.slice_columns, p.columns);
  // Four candidates a row, one for each place in a vector; columns only grow, so that the first of equals stays.
  var best: array<vec4f, TM>;
  var at: array<vec4u, TM>;
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    best[m] = vec4f(FLOOR);
    at[m] = vec4u(NONE);
  }
  for (var left = slice * p.slice_columns; left < end; left += TILE_COLUMNS) {
    let column4 = left / 4u + local.x;
    var c: array<vec4f, TILE_BLOCK>;
    tile_clear(&c);
    scores(&c, row, column4);
    // @unroll
    for (var v = 0u; v < TV; v++) {
      let j = vec4u(4u * (column4 + v * WX)) + vec4u(0u, 1u, 2u, 3u);
      // @unroll REGISTERS
      for (var m = 0u; m < TM; m++) {
        let score = c[m * TV + v] * p.scale;
        let known = select(score, vec4f(OF_NAN), (bitcast<vec4u>(score) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u));
        let s = select(known, vec4f(FLOOR), skipped(row + m, j));
        let better = s > best[m];
        best[m] = select(best[m], s, better);
        at[m] = select(at[m], j, better);
      }
    }
  }
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    if (row + m < p.rows) {
      let x = better_of(vec2u(bitcast<u32>(best[m].x), at[m].x), vec2u(bitcast<u32>(best[m].y), at[m].y));
      let y = better_of(vec2u(bitcast<u32>(best[m].z), at[m].z), vec2u(bitcast<u32>(best[m].w), at[m].w));
      let found = better_of(x, y);
      let to = (slice * WX + local.x) * p.rows + row + m;
      part_scores[to] = bitcast<f32>(found.x);
      part_indices[to] = found.y;
    }
  }
}

fn better_of(a: vec2u, b: vec2u) -> vec2u {
  let s = bitcast<f32>(a.x);
  let t = bitcast<f32>(b.x);
  if (t > s || (t == s && b.y < a.y)) { return b; }
  return a;
}

// @kernel row_nearest
// nearest[i] = argmax over j of scale * a_i.b_j, in parts
fn scores(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  tile_product(c, row / 4u, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
}

// @kernel row_nearest_distance tile_distance
// nearest[i] = argmax over j of scale * |a_i - b_j|^2, in parts
fn scores(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  tile_distance(c, row / 4u, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
}

// @kernel row_nearest_chord tile_distance
// nearest[i] = argmax over j of the cosine of z_i and z_j, in parts, by s_ij = |u_i - u_j|^2 = 2 - 2 cos
// By differences, since products of near rows differ in digits that f32 does not have. A row whose norm the floor replaced
// is no unit row: from others it counts as 2 away (cosine 0), and itself it goes by products.
// Its products come under a condition that lanes do not share: they could not shuffle.
// @without SUBGROUP
@group(0) @binding(5) var<storage, read> inverse_norms: array<f32>; // not above 0 where the floor acted

fn scores(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  tile_distance(c, row / 4u, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
  let last = p.columns - 1u;
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let j = min(vec4u(4u * (column4 + v * WX)) + vec4u(0u, 1u, 2u, 3u), vec4u(last));
    let inverse = vec4f(inverse_norms[j.x], inverse_norms[j.y], inverse_norms[j.z], inverse_norms[j.w]);
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      (*c)[m * TV + v] = select((*c)[m * TV + v], vec4f(2.0), inverse <= vec4f());
    }
  }
  var floored = false;
  for (var m = 0u; m < TM; m++) { floored = floored || inverse_norms[min(row + m, last)] <= 0.0; }
  if (!floored) { return; }
  var products: array<vec4f, TILE_BLOCK>;
  tile_clear(&products);
  tile_product(&products, row / 4u, p.lhs_stride4, column4, p.rhs_stride4, p.depth);
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    let own = inverse_norms[min(row + m, last)] <= 0.0;
    // @unroll
    for (var v = 0u; v < TV; v++) {
      (*c)[m * TV + v] = select((*c)[m * TV + v], -products[m * TV + v], vec4<bool>(own));
    }
  }
}
