// error = mean |excess|, and from its course: over-relaxation, the iteration to stop after, and the stop
// The error falls by a factor rate an iteration. Over-relaxation by w = 2 / (1 + sqrt(1 - rate)) brings that down to w - 1
// (Young). It starts when successive errors agree on the rate, and corrects itself by what the peaks of two windows tell:
// below the best w they still tell the rate, above it they do not, so w is lowered. A rising error ends it.
// Once the error is within tolerance half as many iterations again follow (60 at most), since the error of the potentials
// is larger than that of the marginals by 1 / (1 - rate). The last are plain: over-relaxation enlarges the roundings, too.
// An error that roundings alone make, and that no longer falls, is the end at any tolerance.
// @use grid rows solver_state
const AGREE: u32 = 6; // errors needed to trust a rate
const WINDOW: u32 = 12;
const MORE: f32 = 60.0;
const ROUNDINGS: f32 = 5e-7; // eight of them, relative
const PATIENCE: f32 = 24.0;
const PLAIN: f32 = 4.0;
const BLOCK: u32 = 64; // rows that are one sum: a longer one would gather the roundings of all

struct Params { first_group: u32, end_group: u32, rows: u32, most: u32, relaxing: u32, tolerance: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> excess: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  if (group_number(id, grid) >= p.end_group) { return; }
  var total = 0.0;
  for (var head = lane % LANES; head < p.rows; head += BLOCK * LANES) {
    var part = 0.0;
    for (var i = head; i < min(head + BLOCK * LANES, p.rows); i += LANES) { part += abs(excess[i]); }
    total += part;
  }
  let error = row_sum(lane, total) / f32(p.rows);
  if (lane > 0u || state[STOPPED] != 0.0) { return; }
  let now = state[ITERATIONS] + 1.0;
  state[ITERATIONS] = now;
  if (now == 1.0 || error < 0.7 * state[BEST]) {
    state[BEST] = error;
    state[BEST_AT] = now;
  }
  if (state[END] == 0.0 && error <= p.tolerance) { state[END] = now + min(ceil(0.5 * now), MORE) + PLAIN; }
  if (error <= ROUNDINGS && now >= state[BEST_AT] + PATIENCE && (state[END] == 0.0 || state[END] > now + PLAIN)) {
    state[END] = now + PLAIN;
  }
  let end = select(f32(p.most), min(state[END], f32(p.most)), state[END] > 0.0);
  if (now >= end) { state[STOPPED] = 1.0; }
  if (p.relaxing == 0u) { return; }
  if (now + PLAIN >= end) {
    state[EXTRA] = 0.0;
    return;
  }
  for (var h = HISTORY_LENGTH - 1u; h > 0u; h--) { state[HISTORY + h] = state[HISTORY + h - 1u]; }
  state[HISTORY] = error;
  let since = state[SINCE] + 1.0;
  state[SINCE] = since;
  let extra = state[EXTRA];
  if (extra == 0.0) {
    let rate = sqrt(sqrt(error / state[HISTORY + 4u]));
    let before = sqrt(sqrt(state[HISTORY + 1u] / state[HISTORY + 5u]));
    if (since >= f32(AGREE) && rate > 0.3 && rate < 0.9999 && abs(rate - before) < 0.2 * (1.0 - rate)) { relax(rate); }
    return;
  }
  let peak = max(state[PEAK], error);
  state[PEAK] = peak;
  if (since < f32(WINDOW)) { return; }
  let known = state[PEAK_BEFORE];
  state[PEAK] = 0.0;
  state[PEAK_BEFORE] = peak;
  state[SINCE] = 0.0;
  if (known == 0.0) { return; }
  let reached = pow(peak / known, 1.0 / f32(WINDOW));
  let rate = (reached + extra) * (reached + extra) / (reached * (1.0 + extra) * (1.0 + extra));
  if (reached >= 1.02) {
    state[EXTRA] = 0.0;
  } else if (reached > extra + 0.2 * (1.0 - extra) && reached < 1.0 && rate < 1.0) {
    relax(rate);
  } else if (reached > extra) {
    state[EXTRA] = extra - 0.3 * (1.0 - extra);
    state[PEAK_BEFORE] = 0.0;
  }
}

fn relax(rate: f32) {
  state[EXTRA] = min(2.0 / (1.0 + sqrt(1.0 - rate)) - 1.0, 0.98);
  state[SINCE] = 0.0;
  state[PEAK] = 0.0;
  state[PEAK_BEFORE] = 0.0;
}
