// scores[i] = s_ii of rows a_i and b_i of two sides, as pairs have it whose units offset_columns shifted: see gap_scores
// With BOTH it is that of the terms of both rows; else of b_i's, and scores[rows + i] is 1 for a row a_i of zeros.
// Squared distances are counted from origins[i] on, as differences of theirs are what a slope is made of: with BOTH from one
// number, as a score belongs to a row and a column then, else from that of the pair.
// @use grid fine_shortfall coarse
const WG: u32 = 64;
const BOTH: u32 = 0; // @tune 0 1

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, a_stride: u32, b_stride: u32, at: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>; // [rows, a_stride]
@group(0) @binding(2) var<storage, read> b: array<f32>; // [rows, b_stride]
@group(0) @binding(3) var<storage, read> offset: array<f32>; // see side_offset.wgsl
@group(0) @binding(4) var<storage, read_write> scores: array<f32>; // from `at` on
@group(0) @binding(5) var<storage, read_write> origins: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.rows) { return; }
  var squares = vec4f(); // |u' - v'|^2, |u|^2, |v|^2
  var rests = vec4f(); // what they lack
  var slants = vec2f();
  for (var k = 0u; k < p.columns; k++) {
    let half = offset[k];
    let u = a[i * p.a_stride + k];
    let v = b[i * p.b_stride + k];
    let apart = (u - half) - (v + half);
    let square = vec4f(apart, u, v, 0.0) * vec4f(apart, u, v, 0.0);
    squares += coarse(square);
    rests += square - coarse(square);
    slants = fma(vec2f(half), vec2f(u - offset[p.columns + k], v - offset[2u * p.columns + k]), slants);
  }
  var origin = offset[3u * p.columns];
  let scattered = origin > 0.0;
  var terms = fma(-2.0, slants.y, fine_shortfall(squares.z, rests.z, scattered));
  if (BOTH == 1u) { terms += fma(2.0, slants.x, fine_shortfall(squares.y, rests.y, scattered)); }
  if (BOTH == 0u) {
    origin = squares.x; // and not their sum: (a + b) - a is folded to b on some adapters
    scores[p.at + p.rows + i] = select(0.0, 1.0, squares.y + rests.y == 0.0);
  }
  origins[i] = origin;
  scores[p.at + i] = -fma(0.5, (squares.x - origin) + rests.x, terms);
}
