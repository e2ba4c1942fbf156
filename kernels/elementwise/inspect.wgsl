// What is wrong with numbers, as the index of the first one
// @use grid

// @kernel inspect_finite
// found[slot] = min { i : values[i] is NaN or infinite }
// Bits, not floats: compilers fold `x != x` to false, and a load as f32 may already lose the NaN.
const WG: u32 = 256;
const EXPONENT: u32 = 0x7f800000u; // all ones in NaN and infinity

struct Params { first_group: u32, end_group: u32, count: u32, slot: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> values: array<u32>;
@group(0) @binding(2) var<storage, read_write> found: array<atomic<u32>>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  if ((values[i] & EXPONENT) == EXPONENT) { atomicMin(&found[p.slot], i); }
}

// @kernel inspect_unwritten
// found[slot] = min { i : values[i] = bits }: what stood there before a kernel ran that was to fill it
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, count: u32, slot: u32, bits: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> values: array<u32>;
@group(0) @binding(2) var<storage, read_write> found: array<atomic<u32>>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  if (values[i] == p.bits) { atomicMin(&found[p.slot], i); }
}

// @kernel inspect_directions
// found[slot] = min { i : inverse_norms[i] = 0 }
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, count: u32, slot: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> inverse_norms: array<f32>;
@group(0) @binding(2) var<storage, read_write> found: array<atomic<u32>>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  if (inverse_norms[i] == 0.0) { atomicMin(&found[p.slot], i); }
}

// @kernel inspect_labels
// found[slot] = min { i : labels[i] is not in [0, classes) }
// As u32, so that a negative i32 is one too large.
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, count: u32, slot: u32, classes: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> found: array<atomic<u32>>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  if (labels[i] >= p.classes) { atomicMin(&found[p.slot], i); }
}
