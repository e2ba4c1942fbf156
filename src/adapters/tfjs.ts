import * as check from '../core/check.ts';
import {
  type Attached,
  type AttachOptions,
  type HostArguments,
  type LossCall,
  type LossName,
  openGuest,
  TYPES,
} from './guest.ts';

/** `import * as tf from '@tensorflow/tfjs'`, or of `@tensorflow/tfjs-core`, with the WebGPU backend beside it. */
export interface TensorFlow {
  readonly Tensor: abstract new (...args: never[]) => object;
  scalar(value: number): object;
  getBackend(): string;
  ready(): Promise<void>;
}

/** Every loss in tensors of TensorFlow.js; labels are int32. What comes back is differentiable wherever tf.grad looks. */
export type TensorFlowLosses<TF extends TensorFlow> = Attached & {
  [Name in LossName]: (...args: HostArguments<Name, InstanceType<TF['Tensor']>>) => ReturnType<TF['scalar']>;
};

// What is used of TensorFlow.js 4, whose types are not there where it is not installed.
interface TFTensor {
  readonly dataId: object;
  readonly shape: number[];
  readonly dtype: string;
  readonly isDisposed: boolean;
}
type Save = (tensors: readonly TFTensor[]) => void;
interface Internals {
  backend(): WebGPUBackend;
  engine(): {
    readonly state: { readonly gradientDepth: number };
    makeTensorFromTensorInfo(info: object, backend: WebGPUBackend): TFTensor;
  };
  tidy<T>(fn: () => T): T;
  mul(a: TFTensor, b: TFTensor): TFTensor;
  customGrad(
    fn: (...args: [...TFTensor[], Save]) => {
      value: TFTensor;
      gradFunc: (dy: TFTensor, saved: readonly TFTensor[]) => TFTensor[];
    },
  ): (...inputs: readonly TFTensor[]) => TFTensor;
}
interface WebGPUBackend {
  readonly device: GPUDevice;
  /** Null while nothing is held back. */
  readonly commandEncoder?: GPUCommandEncoder | null;
  readonly tensorMap: { get(dataId: object): { resource: GPUBuffer } };
  uploadToGPU(dataId: object): void;
  disposeData(dataId: object): boolean;
  makeTensorInfo(shape: readonly number[], dtype: string): { dataId: object };
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

/**
 * The losses on TensorFlow.js' own WebGPU device. `const g = await attach(tf); g.ntXent(z0, z1)` is a tf.Scalar, with a
 * gradient inside of tf.grads, tf.variableGrads and optimizer.minimize.
 */
export async function attach<TF extends TensorFlow>(tf: TF, options?: AttachOptions): Promise<TensorFlowLosses<TF>> {
  const fail = (sentence: string): never => check.fail('attach', sentence);
  if (typeof tf?.getBackend !== 'function' || typeof tf?.ready !== 'function')
    fail(`${check.came('tf', tf, 'is')}, expected what import * as tf from '@tensorflow/tfjs' gives.`);
  await tf.ready();
  const called = (): string => check.say(tf.getBackend());
  if (tf.getBackend() !== 'webgpu')
    fail(`the backend is ${called()}, expected "webgpu"; await tf.setBackend('webgpu') first.`);
  const host = tf as unknown as Internals;
  const backend = host.backend();
  const depth = (): number => host.engine().state.gradientDepth;

  /** Up to 15 dispatches wait in its encoder for more to come. */
  const flush = (): void => {
    if (backend.commandEncoder === null) return;
    backend.ensureCommandEncoderReady();
    backend.endComputePassEncoder();
    backend.submitQueue();
  };
  const guest = await openGuest<TFTensor>(
    backend.device,
    {
      isTensor: (value): value is TFTensor => value instanceof tf.Tensor,
      layoutOf: ({ shape, dtype, isDisposed }, op) => {
        if (isDisposed) check.fail(op, `a tensor [${shape.join(', ')}] was disposed, expected a live one.`);
        const type = TYPES[dtype];
        if (!type)
          check.fail(op, `a tensor [${shape.join(', ')}] holds ${dtype}, expected float32, or int32 for labels.`);
        return { shape, dtype: type };
      },
    },
    options,
    flush,
  );
  /** Small tensors lie on the CPU until they are asked for. */
  const bufferOf = ({ dataId }: { dataId: object }): GPUBuffer => {
    backend.uploadToGPU(dataId);
    return backend.tensorMap.get(dataId).resource;
  };
  /** The results are TensorFlow.js' own, from its pool: tidy, dispose and tf.memory() know them. */
  const launch = (call: LossCall<TFTensor>): TFTensor[] => {
    const infos = [[], ...call.live.map(({ shape }) => shape)].map((shape) => backend.makeTensorInfo(shape, 'float32'));
    const inputs = call.tensors.map(bufferOf);
    call.run(inputs, infos.map(bufferOf), () => infos.forEach(({ dataId }) => void backend.disposeData(dataId)));
    return infos.map((info) => host.engine().makeTensorFromTensorInfo(info, backend));
  };
  const loss = (op: LossName, args: readonly unknown[]): TFTensor => {
    if (host.backend() !== backend)
      check.fail(op, `the backend is ${called()} now, expected the one of attach(tf); attach again.`);
    const call = guest.prepare(op, args, () => depth() > 0); // nobody differentiates: the loss alone
    if (call.live.length === 0) return host.tidy(() => launch(call)[0]);
    return host.customGrad((...all) => {
      const [value, ...gradients] = launch(call);
      (all.at(-1) as Save)(gradients);
      return {
        value,
        gradFunc: (dy, saved) => {
          if (depth() > 0) check.fail(op, 'a second derivative was asked for, expected first ones only.');
          return saved.map((gradient) => host.mul(gradient, dy));
        },
      };
    })(...call.live);
  };
  return guest.attached(loss) as unknown as TensorFlowLosses<TF>;
}
