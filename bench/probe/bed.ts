// The adapter that is asked, on one device with all that it offers, and how short work on it is run and timed.
import { openAdapter } from '#platform';
import { createEngine, type Engine } from '../../src/core/engine.ts';
import type { MatmulPrecision } from '../../src/core/families.ts';
import { extrasOf } from '../../src/gpu/device.ts';

type Extras = ReturnType<typeof extrasOf>;

export interface Bed {
  readonly adapter: GPUAdapter;
  readonly note: string;
  readonly device: GPUDevice;
  readonly extras: Extras;
  /** Few and small measurements: asked for, and always so on software adapters. */
  readonly quick: boolean;
}

/** @param toggles Dawn's, which it reads once a process: before any other adapter is opened */
export async function makeBed(toggles: string, quick: boolean): Promise<Bed> {
  process.env.GRAMIAN_DAWN_TOGGLES = toggles;
  const { adapter, note, source } = await openAdapter({ adapter: 'auto', powerPreference: 'high-performance' });
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
  return { adapter, note, device, extras, quick: quick || source !== 'hardware' };
}

/** Shortest of `turns` runs, in ms, each waited for. */
export async function best({ device, quick }: Bed, run: () => void, turns = quick ? 5 : 20): Promise<number> {
  run();
  await device.queue.onSubmittedWorkDone();
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < turns; i++) {
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
  options: {
    matmulPrecision?: MatmulPrecision;
    families?: readonly ('f32' | 'subgroups' | 'f16' | 'subgroup-matrix')[];
  },
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

export function makeBuffer(
  { device }: Bed,
  bytes: number,
  data?: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>,
): GPUBuffer {
  const made = device.createBuffer({ size: bytes, usage: 0x80 | 0x8 | 0x4 });
  if (data) device.queue.writeBuffer(made, 0, data);
  return made;
}

export async function read({ device }: Bed, from: GPUBuffer, bytes: number): Promise<Float32Array> {
  const staging = device.createBuffer({ size: bytes, usage: 0x1 | 0x8 });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(from, 0, staging, 0, bytes);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  return new Float32Array(staging.getMappedRange().slice(0));
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
