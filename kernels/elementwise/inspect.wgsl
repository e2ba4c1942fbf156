// found[slot] = min { i : unfit(values[i]) }: the first of numbers that are no use, where only the GPU sees them
// Values are bits: compilers fold `x != x` to false, and a load as f32 may already lose the NaN.
// @use grid
const WG: u32 = 256;

struct Params { first_group: u32, end_group: u32, count: u32, slot: u32, against: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> values: array<u32>;
@group(0) @binding(2) var<storage, read_write> found: array<atomic<u32>>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  if (unfit(values[i])) { atomicMin(&found[p.slot], i); }
}

// NaN and infinity, all of whose exponent's bits are one.
// @kernel inspect_finite
fn unfit(bits: u32) -> bool { return (bits & 0x7f800000u) == 0x7f800000u; }

// What stood there before a kernel ran that was to fill it.
// @kernel inspect_unwritten
fn unfit(bits: u32) -> bool { return bits == p.against; }

// Inverse norms of rows without a direction.
// @kernel inspect_directions
fn unfit(bits: u32) -> bool { return bits == 0u; }

// Not in [0, against): as u32, a negative i32 is one too large.
// @kernel inspect_labels
fn unfit(label: u32) -> bool { return label >= p.against; }
