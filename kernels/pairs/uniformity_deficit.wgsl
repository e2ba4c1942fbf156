// deficits[group] = sum of 1 - e_ij, e_ij = exp(-|u_i - u_j|^2 / (2 tau)), over TILE_ROWS rows i and a slice of the columns j != i
// Where rows all but agree the mean of e_ij has rounded away what it is below 1: this sum keeps it. Any other batch needs none,
// and gets -1 without a look at its pairs.
// @use grid tile_distance expm1
struct Params {
  first_group: u32, end_group: u32,
  n: u32, columns: u32, stride4: u32, slices: u32, slice_columns: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lhs: array<vec4f>; // units, transposed: [columns, 4 stride4]
@group(0) @binding(2) var<storage, read> rhs: array<vec4f>; // the same
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<storage, read> total: array<f32>; // see uniformity.wgsl
@group(0) @binding(5) var<storage, read_write> deficits: array<f32>; // [strips, slices]

const RUNNING: u32 = 0; // @tune 0 1
const LOG2E: f32 = 1.4426950408889634;
const LANES_HERE: u32 = WX * WY;

var<workgroup> parts: array<f32, LANES_HERE>;

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let k = -0.5 * LOG2E / temperature[0];
  var mean = total[0];
  if (RUNNING == 1u) { mean = total[1] / (f32(p.n) * f32(p.n - 1u)) * exp2(max(-total[0] * k, -200.0)); }
  let close = mean > 0.5;
  let row = (group / p.slices) * TILE_ROWS + local.y * TM;
  let left = (group % p.slices) * p.slice_columns;
  let end = select(left, min(left + p.slice_columns, p.n), close);
  var sum = 0.0;
  for (var at = left; at < end; at += TILE_COLUMNS) {
    let column4 = at / 4u + local.x;
    var c: array<vec4f, TILE_BLOCK>;
    tile_clear(&c);
    tile_distance(&c, row / 4u, p.stride4, column4, p.stride4, p.columns);
    var across = 0.0;
    for (var m = 0u; m < TM; m++) {
      for (var v = 0u; v < TV; v++) {
        let j = 4u * (column4 + v * WX);
        for (var q = 0u; q < 4u; q++) {
          if (row + m < p.n && j + q < p.n && row + m != j + q) { across -= exp2_less_1(c[m * TV + v][q] * k); }
        }
      }
    }
    sum += across;
  }
  parts[lane] = sum;
  workgroupBarrier();
  if (lane > 0u) { return; }
  var all = 0.0;
  for (var i = 0u; i < LANES_HERE; i++) { all += parts[i]; }
  deficits[group] = select(-1.0, all, close);
}
