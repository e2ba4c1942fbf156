// mean_expm1[i] = (m_i, R / Z), m_i the mean over the positives j of row i of exp((s_ij - 1) / tau) - 1
// Only for rows that `cancels` marks and that have several positives, all of them near: m_i > -0.98. Other rows get (0, -1).
// For these sup_con_recompute takes the weight of a positive, e_ij / Z - 1 / |P_i|, as
//     1 / |P_i| ((1 - R / Z) (expm1_ij - m_i) / (1 + m_i) - R / Z),   expm1_ij = exp((s_ij - 1) / tau) - 1,
// which is the same number without the difference of two nearly equal ones. 1 - s_ij comes from |u_i - u_j|^2 / 2.
// @use grid expm1
const WG: u32 = 64;
const ROWS: u32 = 1; // @tune 1 32
const LOG2E: f32 = 1.4426950408889634;

struct Params { first_group: u32, end_group: u32, n: u32, columns: u32, row_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units: array<f32>; // [rows, row_stride]
@group(0) @binding(2) var<storage, read> cancels: array<u32>;
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<storage, read> classes: array<u32>;
@group(0) @binding(5) var<storage, read> row_factors: array<vec4f>; // see sup_con_rows
@group(0) @binding(6) var<storage, read> misses: array<f32>;
@group(0) @binding(7) var<storage, read_write> mean_expm1: array<vec2f>;

var<workgroup> parts: array<vec2f, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  for (var i = group * ROWS; i < min((group + 1u) * ROWS, p.n); i++) {
    if (cancels[i] == 1u && row_factors[i].w > 0.0) { // 0: an only positive; below: INSIDE
      mean_expm1_of(i, lane);
    } else if (lane == 0u) {
      mean_expm1[i] = vec2f(0.0, -1.0);
    }
  }
}

fn mean_expm1_of(i: u32, lane: u32) {
  let k = LOG2E / temperature[0];
  let own = classes[i];
  var part = vec2f(); // sum, number
  for (var j = lane; j < p.n; j += WG) {
    if (j != i && classes[j] == own) {
      var apart = 0.0;
      for (var d = 0u; d < p.columns; d++) {
        let x = units[i * p.row_stride + d] - units[j * p.row_stride + d];
        apart = fma(x, x, apart);
      }
      part += vec2f(exp2_less_1(-0.5 * k * apart), 1.0);
    }
  }
  parts[lane] = part;
  workgroupBarrier();
  if (lane == 0u) {
    var total = vec2f();
    for (var m = 0u; m < WG; m++) { total += parts[m]; }
    let mean = total.x / total.y;
    mean_expm1[i] = select(vec2f(0.0, -1.0), vec2f(mean, misses[i]), mean > -0.98);
  }
  workgroupBarrier();
}
