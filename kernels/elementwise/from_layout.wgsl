// out[r, c] = x[r stride + c], 32 bits an entry; HALF: x holds f16, two to a word, and out the f32 of the same value
// Halves are taken apart by their bits: adapters flush small ones in unpack2x16float, and some fold it away.
// @use grid
const WG: u32 = 256;
const HALF: u32 = 0; // @tune 0 1

struct Params { first_group: u32, end_group: u32, count: u32, columns: u32, stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>; // [count / columns, columns]

fn widened(half: u32) -> u32 {
  let sign = (half & 0x8000u) << 16u;
  let magnitude = half & 0x7fffu;
  if (magnitude >= 0x7c00u) { return sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13u); }
  if (magnitude >= 0x400u) { return sign | ((magnitude << 13u) + 0x38000000u); }
  return sign | bitcast<u32>(f32(magnitude) * 5.9604644775390625e-8);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  let at = (i / p.columns) * p.stride + i % p.columns;
  if (HALF == 0u) { out[i] = x[at]; }
  else { out[i] = widened((x[at / 2u] >> (16u * (at % 2u))) & 0xffffu); }
}
