// A kernel of one's own, whose definition and calls tests spoil.
import type { KernelDefinition } from '../../src/index.ts';

export const LEAKY = `
struct Params { slope: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let i = id.y * grid.x * 64u + id.x;
  if (i < arrayLength(&x)) { y[i] = select(x[i], p.slope * x[i], x[i] < 0.0); }
}`;
const groups: KernelDefinition['workgroups'] = ({ x }) => Math.ceil(x.size / 64);
export const leaky = { name: 'leaky', wgsl: LEAKY, workgroups: groups };
