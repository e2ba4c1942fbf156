// What the adapter can do at most, measured on a device of its own: every share of the report is relative to it.
import {
  COPY,
  exp2Chains,
  fmaChains,
  MATRIX_CHAINS,
  NOTHING,
  type SubgroupMatrixConfig,
  subgroupMatrix,
} from './rooflineKernels.ts';
import { quantile } from './statistics.ts';

export interface Roofline {
  /** f32 multiply-adds, two operations each: FLOP/s. */
  readonly flops: number;
  /** Bytes a second of a copy, read and write counted. */
  readonly bandwidth: number;
  /** exp2 a second. */
  readonly exps: number;
  /** Milliseconds of one more dispatch in a pass. */
  readonly dispatch: number;
  /** Milliseconds from an encoder of one dispatch to the knowledge that it is done. */
  readonly submit: number;
  /** f16 multiply-adds, FLOP/s; null where the adapter has no shader-f16. */
  readonly flopsF16: number | null;
  /** Products of fragments, FLOP/s, and which; null where the adapter has none. */
  readonly matrix: (SubgroupMatrixConfig & { readonly flops: number }) | null;
}

const REPEATS = 4;
const LONG = 30; // milliseconds: a measurement is at least as long, so that its submit does not count
const USAGE = { storage: 0x80 | 0x4 | 0x8, uniform: 0x40 | 0x8 };

/** FLOP/s and the like of a kernel that runs `iterations` times `work`. */
interface Loop {
  readonly code: string;
  readonly groups: number;
  /** Operations of one iteration in all groups. */
  readonly work: number;
  readonly input?: GPUBuffer;
  readonly output: GPUBuffer;
}

export async function measureRoofline(adapter: GPUAdapter, software: boolean): Promise<Roofline> {
  const features = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'].filter((name) =>
    adapter.features.has(name),
  );
  const bytes = Math.min(adapter.limits.maxStorageBufferBindingSize, software ? 2 ** 26 : 2 ** 28);
  const device = await adapter.requestDevice({
    requiredFeatures: features as GPUFeatureName[],
    requiredLimits: { maxStorageBufferBindingSize: bytes, maxBufferSize: Math.max(bytes, 2 ** 28) },
  });
  try {
    return await measureOn(device, software, bytes);
  } finally {
    device.destroy();
  }
}

async function measureOn(device: GPUDevice, software: boolean, bytes: number): Promise<Roofline> {
  const x = device.createBuffer({ size: bytes, usage: USAGE.storage });
  const output = device.createBuffer({ size: bytes, usage: USAGE.storage });
  const groups = software ? 256 : 8192;
  const lanes = 64 * 4 * groups;
  const loops = (code: (chains: number) => string, chains: readonly number[], unroll: number, operations: number) =>
    chains.map(
      (count): Loop => ({
        code: code(count),
        groups,
        work: operations * lanes * count * unroll,
        output,
      }),
    );
  // How many chains hide an instruction's latency without spilling registers is the adapter's own affair.
  const fma = (type: 'f32' | 'f16') => loops((chains) => fmaChains(type, { chains, unroll: 4 }), [2, 4, 8], 4, 2);
  const exp = loops((chains) => exp2Chains({ chains, unroll: 2 }), [1, 2, 4], 2, 1);
  const shape = device.features.has('chromium-experimental-subgroup-matrix') ? matrixShape(device.adapterInfo) : null;
  const width = (device.adapterInfo as { subgroupMaxSize?: number }).subgroupMaxSize ?? 32;
  return {
    flops: await fastest(device, fma('f32')),
    bandwidth: await bandwidth(device, x, output, bytes),
    exps: await fastest(device, exp),
    ...(await overheads(device, output)),
    flopsF16: device.features.has('shader-f16') ? await fastest(device, fma('f16')) : null,
    matrix: shape && {
      ...shape,
      flops: await fastest(device, [
        {
          code: subgroupMatrix(shape, width),
          groups,
          work: 2 * MATRIX_CHAINS * groups * shape.m * shape.n * shape.k,
          input: x,
          output,
        },
      ]),
    },
  };
}

interface Ready {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly params: GPUBuffer;
}

async function prepare(device: GPUDevice, code: string, buffers: readonly GPUBuffer[]): Promise<Ready> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code, label: 'roofline' });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const params = device.createBuffer({ size: 16, usage: USAGE.uniform });
  const bound = [params, ...buffers].map((buffer, binding) => ({ binding, resource: { buffer } }));
  const entries = code.includes('Params') ? bound : bound.slice(1);
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  const error = await device.popErrorScope();
  if (error) throw new Error(`bench: a kernel of the roofline was refused: ${error.message.split('\n')[0]}`);
  return { pipeline, group, params };
}

/** Milliseconds of one submit of so many dispatches, until it is known to be done. */
async function once(device: GPUDevice, { pipeline, group }: Ready, groups: readonly number[], dispatches = 1) {
  const start = performance.now();
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  for (let i = 0; i < dispatches; i++) pass.dispatchWorkgroups(groups[0], groups[1] ?? 1);
  pass.end();
  device.queue.submit([encoder.finish()]);
  await device.queue.onSubmittedWorkDone();
  return performance.now() - start;
}

function setIterations(device: GPUDevice, { params }: Ready, iterations: number): void {
  const words = new ArrayBuffer(16);
  new Uint32Array(words)[0] = iterations;
  new Float32Array(words)[1] = 0.5;
  device.queue.writeBuffer(params, 0, words);
}

/** Operations a second of the fastest of several forms of a loop. */
async function fastest(device: GPUDevice, forms: readonly Loop[]): Promise<number> {
  let best = 0;
  for (const { code, groups, work, input, output } of forms) {
    const ready = await prepare(device, code, input ? [input, output] : [output]);
    let iterations = 4;
    let ms = 0;
    setIterations(device, ready, iterations);
    await once(device, ready, [groups]); // software adapters compile at the first dispatch
    for (;;) {
      setIterations(device, ready, iterations);
      ms = await once(device, ready, [groups]);
      if (ms >= LONG || iterations >= 2 ** 24) break;
      iterations = Math.ceil(iterations * Math.min(8, Math.max(1.5, (1.3 * LONG) / ms)));
    }
    for (let i = 1; i < REPEATS; i++) ms = Math.min(ms, await once(device, ready, [groups]));
    best = Math.max(best, (work * iterations * 1000) / ms);
    ready.params.destroy();
  }
  return best;
}

/** The better of a kernel's copy and the driver's. */
async function bandwidth(device: GPUDevice, x: GPUBuffer, out: GPUBuffer, bytes: number): Promise<number> {
  const ready = await prepare(device, COPY, [x, out]);
  const groups = Math.ceil(bytes / 16 / 64);
  const wide = Math.min(groups, 32768);
  let ms = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= REPEATS; i++) {
    ms = Math.min(ms, await once(device, ready, [wide, Math.ceil(groups / wide)]));
    const start = performance.now();
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(x, 0, out, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    ms = Math.min(ms, performance.now() - start);
  }
  ready.params.destroy();
  return (2 * bytes * 1000) / ms;
}

const MANY = 256;

async function overheads(device: GPUDevice, out: GPUBuffer): Promise<{ dispatch: number; submit: number }> {
  const ready = await prepare(device, NOTHING, [out]);
  setIterations(device, ready, 0);
  const [one, many]: number[][] = [[], []];
  for (let i = 0; i < 20; i++) {
    one.push(await once(device, ready, [1]));
    many.push(await once(device, ready, [1], MANY));
  }
  ready.params.destroy();
  const median = (list: number[]): number =>
    quantile(
      list.sort((a, b) => a - b),
      0.5,
    );
  const submit = median(one);
  return { submit, dispatch: Math.max(0, median(many) - submit) / (MANY - 1) };
}

interface Configuration {
  readonly componentType: string;
  readonly resultType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** f16 with f32 sums before anything else: the one that a loss can use. */
function matrixShape(info: GPUAdapterInfo): SubgroupMatrixConfig | null {
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: readonly Configuration[] };
  const order = ['f16 f32', 'f32 f32', 'f16 f16'];
  const rank = (c: Configuration): number => order.indexOf(`${c.componentType} ${c.resultType}`);
  const [best] = [...subgroupMatrixConfigs]
    .filter((each) => rank(each) >= 0)
    .sort((a, b) => rank(a) - rank(b) || b.M * b.N * b.K - a.M * a.N * a.K);
  return best ? { component: best.componentType, result: best.resultType, m: best.M, n: best.N, k: best.K } : null;
}
