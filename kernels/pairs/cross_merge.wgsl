// tops[at + i], sums[at + i] = the parts of entry i together, in their order (after what is there, with p.more)
// @use grid
const WG: u32 = 64;
const FLOOR: f32 = -1e30;

struct Params { first_group: u32, end_group: u32, count: u32, parts: u32, stride: u32, at: u32, more: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>; // [parts, 2, stride]
@group(0) @binding(2) var<storage, read_write> tops: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  // The parts among themselves first: a long sum of few long parts keeps more digits.
  var merged = vec2f(FLOOR, 0.0);
  for (var n = 0u; n < p.parts; n++) {
    let at = n * 2u * p.stride + i;
    merged = merge(merged, vec2f(parts[at], parts[at + p.stride]));
  }
  if (p.more == 1u) { merged = merge(vec2f(tops[p.at + i], sums[p.at + i]), merged); }
  tops[p.at + i] = merged.x;
  sums[p.at + i] = merged.y;
}

fn merge(a: vec2f, b: vec2f) -> vec2f {
  let top = max(a.x, b.x);
  return vec2f(top, a.y * exp2(a.x - top) + b.y * exp2(b.x - top));
}
