import type { Tensor } from 'onnxruntime-web/webgpu';
import { allocate, download, upload } from '../buffers.ts';
import type { Entry, Open } from '../contender.ts';
import { DERIVATIVES } from './derivatives.ts';
import { shareAdapter, throwTrouble } from './environment.ts';
import { createGraph, type Value } from './onnx.ts';

type ORT = typeof import('onnxruntime-web/webgpu');

const LIBRARY = 'onnxruntime-web';

let loaded: Promise<ORT> | null = null;

/**
 * One graph that returns loss and gradient in closed form. There is no other form: the package has no autodiff, and ONNX
 * Runtime's training graphs are not made for the web.
 */
const handDerived: Open = async (work) => {
  const derivative = DERIVATIVES[work.name];
  if (!derivative) return null;
  loaded ??= (async () => {
    await shareAdapter();
    const ort = await import('onnxruntime-web/webgpu');
    ort.env.wasm.numThreads = 1; // threads are for its CPU kernels
    ort.env.logLevel = 'error';
    return ort;
  })();
  const ort = await loaded;
  const graph = createGraph();
  const given = Object.fromEntries(
    Object.entries(work.inputs).map(([name, { shape }]) => [name, graph.input(name, shape)]),
  );
  const outputs = derivative(graph.algebra, given, work);
  // A captured graph would replay its commands without ORT's own work, but its second run fails on dawn.node: ORT binds a
  // buffer there that it has let go.
  const session = await awake(
    ort.InferenceSession.create(graph.encode(Object.values(outputs)), {
      executionProviders: ['webgpu'],
      preferredOutputLocation: 'gpu-buffer',
      graphOptimizationLevel: 'all',
    }),
  );
  const device = await ort.env.webgpu.device;
  const buffers: GPUBuffer[] = [];
  const bind = (buffer: GPUBuffer, dims: readonly number[]): Tensor => {
    buffers.push(buffer);
    return ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims: [...dims] });
  };
  const feeds = Object.fromEntries(
    Object.entries(work.inputs).map(([name, { data, shape }]) => [name, bind(upload(device, data), shape)]),
  );
  const length = ({ shape }: Value): number => shape.reduce((total, extent) => total * extent, 1);
  const results = Object.fromEntries(
    Object.values(outputs).map((value) => [value.name, bind(allocate(device, length(value)), value.shape)]),
  );
  return {
    library: LIBRARY,
    version: ort.env.versions.web ?? ort.env.versions.common,
    form: 'hand-derived',
    run: async () => {
      await awake(session.run(feeds, results));
      await device.queue.onSubmittedWorkDone();
      await throwTrouble(LIBRARY, device);
    },
    read: async () => {
      const data: [string, Float32Array][] = [];
      for (const [name, value] of Object.entries(outputs))
        data.push([name, await download(device, results[value.name].gpuBuffer, length(value))]);
      await throwTrouble(LIBRARY, device);
      return Object.fromEntries(data);
    },
    dispose: () => {
      session.release().catch(() => undefined);
      for (const buffer of buffers) buffer.destroy();
    },
  };
};

export async function preload(): Promise<void> {
  await import('onnxruntime-web/webgpu');
}

export const contenders: readonly Entry[] = [{ library: LIBRARY, form: 'hand-derived', open: handDerived }];

/**
 * Waits for ORT. Its WebAssembly waits for promises of dawn.node without keeping the event loop turning: where nothing else
 * goes on the process would sleep for ever. And what fails in there is thrown outside of every promise: here it becomes
 * the call's own failure, or the process would end.
 */
async function awake<T>(promise: Promise<T>): Promise<T> {
  let waiting = true;
  const again = (): void => {
    if (waiting) setImmediate(again);
  };
  again();
  let fail: (error: unknown) => void = () => {};
  const thrown = new Promise<never>((_, reject) => {
    fail = reject;
  });
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  try {
    return await Promise.race([promise, thrown]);
  } finally {
    waiting = false;
    process.off('uncaughtException', fail);
    process.off('unhandledRejection', fail);
  }
}
