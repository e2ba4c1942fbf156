// The largest of three branches at each pixel, added up, and its gradient
// @use grid

// @kernel branch_maximum rows finite
// y[r] = sum over the pixels i of max(channel[r], local[r, i], across[r, i]), where a row r is a channel of a sample
// A NaN of one counts, which max would hide.
struct Params { first_group: u32, end_group: u32, rows: u32, pixels: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> channel: array<f32>; // [rows]
@group(0) @binding(2) var<storage, read> local: array<f32>; // [rows, pixels]
@group(0) @binding(3) var<storage, read> across: array<f32>; // [rows, pixels]
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // [rows]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let own = min(row, p.rows - 1u);
  let level = channel[own];
  var sum = 0.0;
  for (var i = lane % LANES; i < p.pixels; i += LANES) {
    let a = local[own * p.pixels + i];
    let b = across[own * p.pixels + i];
    sum += select(select(max(level, max(a, b)), a, is_nan(a)), b, is_nan(b));
  }
  let total = row_sum(lane, sum);
  if (row < p.rows && lane % LANES == 0u) { y[row] = select(total, level, is_nan(level)); }
}

// @kernel branch_maximum_grad rows
// The largest of channel[r], local[r, i] and across[r, i] gets scale dy[n], the first of equal ones; the others get 0
// channel[r] stands for all pixels i of its row, and gets as many shares as it wins. Sample n has `channels` rows r.
struct Params { first_group: u32, end_group: u32, rows: u32, pixels: u32, channels: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> channel: array<f32>; // [rows]
@group(0) @binding(2) var<storage, read> local: array<f32>; // [rows, pixels]
@group(0) @binding(3) var<storage, read> across: array<f32>; // [rows, pixels]
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dchannel: array<f32>;
@group(0) @binding(6) var<storage, read_write> dlocal: array<f32>;
@group(0) @binding(7) var<storage, read_write> dacross: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let own = min(row, p.rows - 1u);
  let level = channel[own];
  let share = p.scale * dy[own / p.channels];
  var wins = 0.0;
  for (var i = lane % LANES; i < p.pixels; i += LANES) {
    let at = own * p.pixels + i;
    let first = level >= max(local[at], across[at]);
    let second = !first && local[at] >= across[at];
    wins += select(0.0, 1.0, first);
    if (row < p.rows) {
      dlocal[at] = select(0.0, share, second);
      dacross[at] = select(share, 0.0, first || second);
    }
  }
  let total = row_sum(lane, wins);
  if (row < p.rows && lane % LANES == 0u) { dchannel[row] = share * total; }
}
