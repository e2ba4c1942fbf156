// Labels that stay on the GPU as classes: a class is named by the first row of its label, so that nobody has to count them
// @use grid

// @kernel class_numbers
// classes[i] = min { j : labels[j] = labels[i] }, row after row of each view
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, n: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> labels: array<u32>; // [rows]; i32 or u32: only whether they are equal counts
@group(0) @binding(2) var<storage, read_write> classes: array<u32>; // [n], views one after the other

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.n) { return; }
  let row = i % p.rows;
  let own = labels[row];
  var first = row;
  for (var j = 0u; j < row; j++) { first = min(first, select(row, j, labels[j] == own)); }
  classes[i] = first;
}

// @kernel class_members
// members = where each of `rows` classes starts and the last ends, then the n rows by class; a class may be empty
// One invocation a start and a row: each is a count of the rows before it.
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, n: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> classes: array<u32>; // [n]
@group(0) @binding(2) var<storage, read_write> members: array<u32>; // [rows + 1 + n]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i > p.n) { return; }
  let own = classes[min(i, p.n - 1u)];
  var start = 0u;
  var place = 0u;
  for (var j = 0u; j < p.n; j++) {
    let other = classes[j];
    start += select(0u, 1u, other < i);
    place += select(0u, 1u, other < own || (other == own && j < i));
  }
  if (i <= p.rows) { members[i] = start; }
  if (i < p.n) { members[p.rows + 1u + place] = i; }
}

// @kernel lonely_share
// share = n / max(rows whose class has another row, 1)
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, rows: u32, n: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> members: array<u32>; // see class_members
@group(0) @binding(2) var<storage, read_write> share: array<f32>;

var<workgroup> counts: array<u32, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  var count = 0u;
  for (var c = lane; c < p.rows; c += WG) {
    let size = members[c + 1u] - members[c];
    count += select(0u, size, size > 1u);
  }
  counts[lane] = count;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0u;
    for (var i = 0u; i < WG; i++) { total += counts[i]; }
    share[0] = f32(p.n) / f32(max(total, 1u));
  }
}
