// The adapter that is asked, on one device with all that it offers, and how short work on it is run and timed.
import { openAdapter } from '#platform';
import { createEngine, type Engine } from '../../src/engine/engine.ts';
import { extrasOf } from '../../src/gpu/deviceInfo.ts';
import type { MatmulPrecision } from '../../src/tuning/families.ts';

type Extras = ReturnType<typeof extrasOf>;

export interface Bed {
  readonly adapter: GPUAdapter;
  readonly note: string;
  readonly device: GPUDevice;
  readonly extras: Extras;
  readonly software: boolean;
  /** Few and small measurements: asked for, and always so on software adapters. */
  readonly quick: boolean;
}

/** Once for each device: an adapter makes a single one. */
export const openFastest = () => openAdapter({ adapter: 'auto', powerPreference: 'high-performance' });

/** @param toggles Dawn's, which it reads once a process: before any other adapter is opened */
export async function makeBed(toggles: string, quick: boolean): Promise<Bed> {
  process.env.GRAMIAN_DAWN_TOGGLES = toggles;
  const { adapter, note, source } = await openFastest();
  const { limits } = adapter;
  const device = await adapter.requestDevice({
    requiredFeatures: [...adapter.features].filter((name) =>
      /^(subgroups|subgroup-size-control|shader-f16|timestamp-query|chromium-experimental-subgroup-matrix)$/.test(name),
    ) as GPUFeatureName[],
    requiredLimits: {
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    },
  });
  const extras = extrasOf(device.features, adapter.info);
  const software = source !== 'hardware';
  return { adapter, note, device, extras, software, quick: quick || software };
}

/** Shortest of so many `runs`, in ms, each waited for. */
export async function best({ device, quick }: Bed, run: () => void, runs = quick ? 5 : 20): Promise<number> {
  run();
  await device.queue.onSubmittedWorkDone();
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    run();
    await device.queue.onSubmittedWorkDone();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

/** What fails is an answer too. */
export async function attempt<T>(question: () => Promise<T>): Promise<T | { error: string }> {
  try {
    return await question();
  } catch (error) {
    return { error: String((error as Error).message ?? error).slice(0, 300) };
  }
}

/** Asks an engine on the bed's device, and destroys it. */
export async function withEngine<T>(
  { device }: Bed,
  options: { matmulPrecision?: MatmulPrecision },
  question: (engine: Engine) => Promise<T>,
): Promise<T | { error: string }> {
  return attempt(async () => {
    const engine = await createEngine({ device, tune: 'off', ...options });
    try {
      return await question(engine);
    } finally {
      engine.destroy(); // a guest: the device stays
    }
  });
}

/** Compiles a kernel of the probe's own: the function runs it, on so many workgroups, so many times in one submit. */
export async function prepared(
  { device }: Bed,
  code: string,
  buffers: readonly GPUBuffer[],
): Promise<(x: number, y?: number, times?: number) => void> {
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const entries = buffers.map((each, binding) => ({ binding, resource: { buffer: each } }));
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  return (x, y = 1, times = 1) => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    for (let i = 0; i < times; i++) {
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(x, y);
    }
    pass.end();
    device.queue.submit([encoder.finish()]);
  };
}
