// out[tap, i, o] = w[co, c, tap], (o, i) = (co, c) for the forward pass and (c, co) for the input's gradient
// Rows of o, padded with zeros to whole vec4 tiles, lie together: what a product tile reads.
// @use grid
const WG: u32 = 64;

struct Params {
  first_group: u32, end_group: u32,
  out_channels: u32, channels: u32, taps: u32, stride: u32, swapped: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>; // [out_channels, channels, taps]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [taps, inner, stride]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid); // one (tap, i)
  if (group >= p.end_group) { return; }
  let inner = select(p.channels, p.out_channels, p.swapped == 1u);
  let outer = select(p.out_channels, p.channels, p.swapped == 1u);
  let tap = group / inner;
  let i = group % inner;
  for (var o = lane; o < p.stride; o += WG) {
    let co = select(o, i, p.swapped == 1u);
    let c = select(i, o, p.swapped == 1u);
    var value = 0.0;
    if (o < outer) { value = w[(co * p.channels + c) * p.taps + tap]; }
    out[group * p.stride + o] = value;
  }
}
