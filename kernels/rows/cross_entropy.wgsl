// loss[i] = log sum_j exp(x_ij) - x_iy, y = labels[i], and its gradient w.r.t. x_ij: softmax_j - [j = y]
// log(1 + sum_{j != y} exp(x_ij - x_iy)) keeps the digits of a small loss; -miss, not p - 1, those of its gradient.
// @use grid rows contrast
const LOG2E: f32 = 1.4426950408889634;
const FLOOR: f32 = -1e30; // "nothing yet"
const BLOCK: u32 = 64; // classes that are one sum: a longer one would gather the roundings of all

struct Params {
  first_group: u32, end_group: u32,
  rows: u32, classes: u32, stride: u32, first_label: u32, scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>; // [rows, stride]
@group(0) @binding(2) var<storage, read> labels: array<i32>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>; // [rows, stride], times scale

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let safe = min(row, p.rows - 1u);
  let start = safe * p.stride;
  let y = u32(labels[p.first_label + safe]);
  // The largest of the others: relative to it their sum can neither overflow nor vanish.
  var top = FLOOR;
  for (var j = lane % LANES; j < p.classes; j += LANES) { top = max(top, select(logits[start + j], FLOOR, j == y)); }
  top = row_max(lane, top);
  var rest = 0.0;
  for (var head = lane % LANES; head < p.classes; head += BLOCK * LANES) {
    var part = 0.0;
    for (var j = head; j < min(head + BLOCK * LANES, p.classes); j += LANES) {
      part += select(exp2((logits[start + j] - top) * LOG2E), 0.0, j == y);
    }
    rest += part;
  }
  rest = row_sum(lane, rest);
  let own = contrast(rest, 0.0, (logits[start + y] - top) * LOG2E);
  if (row >= p.rows) { return; }
  if (lane % LANES == 0u) { losses[row] = own.loss; }
  for (var j = lane % LANES; j < p.stride; j += LANES) {
    var g = 0.0;
    if (j < p.classes) {
      g = select(exp2(min((logits[start + j] - top) * LOG2E - own.log2_z, 0.0)), -own.miss, j == y);
    }
    gradient[start + j] = g * p.scale;
  }
}
