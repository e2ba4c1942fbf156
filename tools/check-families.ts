// Compiles every kernel in the families that need more than every adapter has, on Dawn's null backend, which has it all.
// In a process of its own: Dawn lives once in a process, and the other checks want a real adapter.
import { create } from 'webgpu';
import { linkKernel } from '../src/gpu/link.ts';
import { familyVariants } from './variants.ts';

const FEATURES = ['subgroups', 'subgroup-size-control', 'shader-f16', 'chromium-experimental-subgroup-matrix'];

const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
const adapter = await gpu.requestAdapter();
if (!adapter) throw new Error("check-families: Dawn's null backend gives no adapter.");
const device = await adapter.requestDevice({ requiredFeatures: FEATURES as GPUFeatureName[] });
const list = familyVariants();
let failed = 0;
for (const { kernel, tuning, name } of list) {
  const { code, explain } = linkKernel(kernel, tuning);
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  device.createComputePipeline({ layout: 'auto', compute: { module } });
  const error = await device.popErrorScope();
  if (!error) continue;
  failed++;
  const first = (await module.getCompilationInfo()).messages.find((message) => message.type === 'error');
  console.error(`${name}: ${first ? explain(first.lineNum, first.linePos, first.message) : error.message}`);
}
console.log(
  `check-families: ${list.length - failed} of ${list.length} compile with subgroups, f16 and subgroup matrices`,
);
// Not by running out of work: the instance must not be collected before the process ends.
process.exit(failed > 0 ? 1 : 0);
