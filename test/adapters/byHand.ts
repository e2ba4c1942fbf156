// The encoder of encoder.ts in frameworks that differentiate nothing: its layers are theirs, their gradients kernels of the user's.
// Trained by a loss of ours, and by its gradient written out: in Node and in a page.
import { barlowTwins, type Engine, ntXent, type Tensor } from '../../src/index.ts';
import { matrix } from '../reference/matrix.ts';
import { HIDDEN, INPUTS, OUTPUTS, ROWS, STEPS, start, TEMPERATURE, TRAINED } from './encoder.ts';
import { layersOn } from './layers.ts';
import type { Both, LossName } from './training.ts';

/** A framework with its matrices M. */
interface ByHand<M> {
  readonly device: GPUDevice;
  matrix(data: Float32Array<ArrayBuffer>, columns: number): M;
  encode(x: M, w1: M, w2: M): { hidden: M; z: M } | Promise<{ hidden: M; z: M }>;
  raw(of: M): GPUBuffer;
  free(of: M): void;
  /** Hands on the gradients of our loss to z. */
  gradients(z: readonly M[], use: (dz: readonly GPUBuffer[]) => void): void | Promise<void>;
}

async function trainByHand<M>(host: ByHand<M>, name: LossName): Promise<Both> {
  const { device, raw } = host;
  const { reference, rate } = TRAINED.find(({ loss }) => loss === name) as (typeof TRAINED)[number];
  const layers = layersOn(device);
  const read = async (from: GPUBuffer, count: number): Promise<Float32Array<ArrayBuffer>> => {
    const staging = device.createBuffer({ size: 4 * count, usage: 1 | 8 });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(from, 0, staging, 0, 4 * count);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(1);
    const numbers = new Float32Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return numbers;
  };
  const train = async (gradients: ByHand<M>['gradients']): Promise<Float32Array[]> => {
    const given = start();
    const x = [given.x0, given.x1].map((data) => host.matrix(data, INPUTS));
    const [w1, w2] = [host.matrix(given.w1, HIDDEN), host.matrix(given.w2, OUTPUTS)];
    for (let step = 0; step < STEPS; step++) {
      const views: { hidden: M; z: M }[] = [];
      for (const each of x) views.push(await host.encode(each, w1, w2));
      await gradients(
        views.map(({ z }) => z),
        (dz) => {
          const known = views.map(({ hidden }, v) => ({ x: raw(x[v]), hidden: raw(hidden), dz: dz[v] }));
          layers.descend(known, raw(w1), raw(w2), rate);
        },
      );
      for (const { hidden, z } of views) for (const each of [hidden, z]) host.free(each);
    }
    const weights = [await read(raw(w1), INPUTS * HIDDEN), await read(raw(w2), HIDDEN * OUTPUTS)];
    for (const each of [...x, w1, w2]) host.free(each);
    return weights;
  };
  const written: ByHand<M>['gradients'] = async (z, use) => {
    const rows = await Promise.all(z.map((each) => read(raw(each), ROWS * OUTPUTS)));
    const [z0, z1] = rows.map((data) => matrix(ROWS, OUTPUTS, data));
    const dz = reference(z0, z1).gradients.map(({ data }) => {
      const buffer = device.createBuffer({ size: 4 * data.length, usage: 0x80 | 8 });
      device.queue.writeBuffer(buffer, 0, Float32Array.from(data));
      return buffer;
    });
    use(dz);
    for (const buffer of dz) buffer.destroy();
  };
  return { ours: await train(host.gradients), theirs: await train(written) };
}

const lossOf = (name: LossName, z0: Tensor, z1: Tensor): Tensor =>
  name === 'ntXent' ? ntXent(z0, z1, { temperature: TEMPERATURE }) : barlowTwins(z0, z1);

// biome-ignore-start lint/suspicious/noExplicitAny: the frameworks' types are not there where this is checked
/** By a plan in a pass of the user's. */
export async function trainTypeGPU(root: any, d: any, g: any, name: LossName): Promise<Both> {
  const device: GPUDevice = root.device;
  const layers = layersOn(device);
  const raw = (of: any): GPUBuffer => root.unwrap(of);
  const empty = (columns: number): any =>
    root.createBuffer(d.arrayOf(d.arrayOf(d.f32, columns), ROWS)).$usage('storage');
  let plan: any;
  const trained = await trainByHand<any>(
    {
      device,
      raw,
      matrix: (data, columns) => {
        const rows = Array.from({ length: data.length / columns }, (_, i) => [
          ...data.subarray(i * columns, (i + 1) * columns),
        ]);
        return root.createBuffer(d.arrayOf(d.arrayOf(d.f32, columns), rows.length), rows).$usage('storage');
      },
      encode: (x, w1, w2) => {
        const [hidden, z] = [empty(HIDDEN), empty(OUTPUTS)];
        layers.encode(raw(x), raw(w1), raw(w2), raw(hidden), raw(z));
        return { hidden, z };
      },
      free: (of) => of.destroy(),
      gradients: ([a, b], use) => {
        plan ??= g.plan({ z0: a, z1: b }, ({ z0, z1 }: Record<'z0' | 'z1', Tensor>) => {
          const loss = lossOf(name, z0, z1);
          loss.backward();
          return { loss, dz0: z0.grad, dz1: z1.grad };
        });
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        plan.encode(pass, { z0: a, z1: b });
        pass.end();
        device.queue.submit([encoder.finish()]);
        use([plan.outputs.dz0, plan.outputs.dz1].map(raw));
      },
    },
    name,
  );
  plan.dispose();
  return trained;
}

/** @param session of onnx.ts, whose outputs stay on the GPU */
export function trainOrt(ort: any, session: any, g: any, name: LossName): Promise<Both> {
  const device: GPUDevice = g.engine.device;
  return trainByHand<any>(
    {
      device,
      raw: ({ gpuBuffer }) => gpuBuffer,
      matrix: (data, columns) => {
        const buffer = device.createBuffer({ size: 16 * Math.ceil(data.byteLength / 16), usage: 0x80 | 4 | 8 });
        device.queue.writeBuffer(buffer, 0, data);
        const dims = [data.length / columns, columns];
        return ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims, dispose: () => buffer.destroy() });
      },
      encode: async (X, W1, W2) => {
        const { H, Z } = await session.run({ X, W1, W2 });
        return { hidden: H, z: Z };
      },
      free: (of) => of.dispose(),
      gradients: async (z, use) => {
        const options = name === 'ntXent' ? { temperature: TEMPERATURE } : {};
        const { loss, gradients } = await g[name](...z, { ...options, gradients: true });
        use(gradients.map(({ gpuBuffer }: any) => gpuBuffer));
        for (const each of [loss, ...gradients]) each.dispose();
      },
    },
    name,
  );
}

/** The layers are written in three's shading language; the loss is of tensors on the buffers of a WebGPURenderer. */
export function trainThree(renderer: any, tsl: any, engine: Engine, name: LossName): Promise<Both> {
  const { Fn, Loop, float, instancedArray, instanceIndex, tanh, uint } = tsl;
  const raw = (node: any): GPUBuffer => renderer.backend.get(node.value).buffer;
  /** to = a b of these inner and outer columns. */
  const product = (a: any, b: any, to: any, inner: number, outer: number, then = (sum: any): any => sum): any =>
    Fn(() => {
      const row = instanceIndex.div(uint(outer)).mul(uint(inner));
      const column = instanceIndex.mod(uint(outer));
      const sum = float(0).toVar();
      Loop({ start: uint(0), end: uint(inner), type: 'uint', condition: '<' }, ({ i }: any) => {
        sum.addAssign(a.element(row.add(i)).mul(b.element(i.mul(uint(outer)).add(column))));
      });
      to.element(instanceIndex).assign(then(sum));
    })().compute(ROWS * outer);
  const encoders = new Map<any, any>();
  return trainByHand<any>(
    {
      device: renderer.backend.device,
      raw,
      matrix: (data) => instancedArray(data, 'float'),
      encode: (x, w1, w2) => {
        let known = encoders.get(x);
        if (!known) {
          const [hidden, z] = [instancedArray(ROWS * HIDDEN, 'float'), instancedArray(ROWS * OUTPUTS, 'float')];
          const kernels = [product(x, w1, hidden, INPUTS, HIDDEN, tanh), product(hidden, w2, z, HIDDEN, OUTPUTS)];
          known = { hidden, z, kernels };
          encoders.set(x, known);
        }
        renderer.compute(known.kernels);
        return known;
      },
      free: () => {}, // they are the renderer's
      gradients: (z, use) => {
        const [z0, z1] = z.map((node) => engine.fromBuffer(raw(node), [ROWS, OUTPUTS], { requiresGrad: true }));
        engine.scope(() => lossOf(name, z0, z1).backward());
        use([z0, z1].map(({ grad }) => (grad as Tensor).buffer));
        for (const each of [z0, z1]) each.dispose();
      },
    },
    name,
  );
}
// biome-ignore-end lint/suspicious/noExplicitAny: see above
