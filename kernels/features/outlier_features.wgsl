// outliers[m] = the feature with the m-th largest spread (the first of equals); included[outliers[m]] = 0
// One workgroup: each lane knows the largest of its own features below the last one found, and the lanes compare.
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, columns: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> moments: array<vec4f>; // [columns], see standard
@group(0) @binding(2) var<storage, read_write> outliers: array<u32>; // [count]

var<workgroup> spreads: array<f32, WG>;
var<workgroup> features: array<u32, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  if (group_number(id, grid) >= p.end_group) { return; }
  for (var m = 0u; m < p.count; m++) {
    var spread = -1.0;
    var feature = lane;
    for (var k = lane; k < p.columns; k += WG) {
      if (moments[k].w == 1.0 && moments[k].z > spread) {
        spread = moments[k].z;
        feature = k;
      }
    }
    spreads[lane] = spread;
    features[lane] = feature;
    workgroupBarrier();
    var best = 0u;
    for (var other = 1u; other < WG; other++) {
      let more = spreads[other] > spreads[best];
      let earlier = spreads[other] == spreads[best] && features[other] < features[best];
      if (more || earlier) { best = other; }
    }
    if (lane == best) {
      outliers[m] = feature;
      moments[feature].w = 0.0; // its own: no other lane reads it
    }
    workgroupBarrier(); // the next round writes what slow lanes still compare
  }
}
