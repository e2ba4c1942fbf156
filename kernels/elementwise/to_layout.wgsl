// out[r stride + c] = x[r, c], 32 bits an entry, zeros between the rows; HALF: out holds f16, two to a word, rounded to even
// One invocation a word of out: neighbours of a word may be of two rows.
// @use grid
const WG: u32 = 256;
const HALF: u32 = 0; // @tune 0 1

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, stride: u32, words: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>; // [rows, columns]
@group(0) @binding(2) var<storage, read_write> out: array<u32>;

fn entry(at: u32) -> u32 {
  let r = at / p.stride;
  let c = at % p.stride;
  if (r >= p.rows || c >= p.columns) { return 0u; }
  return x[r * p.columns + c];
}

// By bits: what is past f16 becomes Infinity everywhere, and what is small is not flushed.
fn narrowed(bits: u32) -> u32 {
  let sign = (bits >> 16u) & 0x8000u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) { return sign | 0x7e00u; }
  if (magnitude >= 0x477ff000u) { return sign | 0x7c00u; }
  if (magnitude >= 0x38800000u) {
    return sign | ((magnitude + 0xfffu + ((magnitude >> 13u) & 1u) - 0x38000000u) >> 13u);
  }
  return sign | u32(round(bitcast<f32>(magnitude) * 16777216.0));
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.words) { return; }
  if (HALF == 0u) { out[i] = entry(i); }
  else { out[i] = narrowed(entry(2u * i)) | (narrowed(entry(2u * i + 1u)) << 16u); }
}
