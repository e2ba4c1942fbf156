// sums[c] = sum of u_i over the rows i of class c
// One invocation adds up four features of one class, in the order of its rows.
// @use grid
const WG: u32 = 64;
const BLOCK: u32 = 64; // rows that are one sum, and such sums that are one: a longer chain would lose digits

struct Params { first_group: u32, end_group: u32, classes: u32, row_stride4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units: array<vec4f>; // [n, row_stride4]
@group(0) @binding(2) var<storage, read> members: array<u32>; // where each class starts and the last ends, then rows by class
@group(0) @binding(3) var<storage, read_write> sums: array<vec4f>; // [classes, row_stride4]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let at = group * WG + lane;
  let class_number = at / p.row_stride4;
  if (group >= p.end_group || class_number >= p.classes) { return; }
  let first = p.classes + 1u;
  let end = members[class_number + 1u];
  var total = vec4f();
  for (var m = members[class_number]; m < end;) {
    let last = min(m + BLOCK * BLOCK, end);
    var some = vec4f();
    while (m < last) {
      let stop = min(m + BLOCK, last);
      var part = vec4f();
      for (; m < stop; m++) { part += units[members[first + m] * p.row_stride4 + at % p.row_stride4]; }
      some += part;
    }
    total += some;
  }
  sums[at] = total;
}
