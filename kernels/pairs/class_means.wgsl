// The mean cosine of a row and its class, by class sums
// @use grid

// @kernel class_sums
// sums[c] = sum of u_i over the rows i of class c
// One invocation adds up four features of one class, in the order of its rows.
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

// @kernel class_means
// means[i] = (u_i.(sums[class of i] - u_i) / |P_i|, |P_i|): the mean cosine of row i and its positives, and their number
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, n: u32, row_stride4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units: array<vec4f>; // [n, row_stride4]
@group(0) @binding(2) var<storage, read> sums: array<vec4f>; // [classes, row_stride4]
@group(0) @binding(3) var<storage, read> classes: array<u32>; // of the n rows
@group(0) @binding(4) var<storage, read> members: array<u32>; // where each class starts and the last ends, then rows by class
@group(0) @binding(5) var<storage, read_write> means: array<vec2f>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.n) { return; }
  let own = classes[i];
  let count = f32(members[own + 1u] - members[own] - 1u);
  var products = vec4f();
  for (var d = 0u; d < p.row_stride4; d++) {
    let u = units[i * p.row_stride4 + d];
    products = fma(u, sums[own * p.row_stride4 + d] - u, products);
  }
  means[i] = vec2f(((products.x + products.y) + (products.z + products.w)) / max(count, 1.0), count);
}
