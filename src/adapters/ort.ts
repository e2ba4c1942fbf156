import * as check from '../core/check.ts';
import { USAGE } from '../gpu/buffers.ts';
import { Readback } from '../gpu/readback.ts';
import {
  type AskingArguments,
  type Attached,
  type AttachOptions,
  asked,
  type HostLayout,
  type LossName,
  openGuest,
  TYPES,
} from './guest.ts';

/** `import * as ort from 'onnxruntime-web/webgpu'`. */
export interface OnnxRuntime {
  readonly Tensor: { fromGpuBuffer(buffer: never, options: never): object };
  readonly env: object;
}

/** A tensor of ONNX Runtime, or of transformers.js around one. */
export type OrtInput = OrtTensor | { readonly ort_tensor: OrtTensor };
/** What is used of a tensor of ONNX Runtime. */
export interface OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly location: string;
}

/** Tensors on the GPU that the caller owns. */
export interface LossTensors<T> {
  /** float32, of no dimension. */
  readonly loss: T;
  /** Of every float tensor among the arguments, in their order and of its type; empty without `gradients: true`. */
  readonly gradients: readonly T[];
}

/** Every loss on tensors of ONNX Runtime. Nothing is differentiated there: the gradients are asked for by `gradients: true`. */
export type OrtLosses<O extends OnnxRuntime> = Attached & {
  [Name in LossName]: (
    ...args: AskingArguments<Name, OrtInput>
  ) => Promise<LossTensors<ReturnType<O['Tensor']['fromGpuBuffer']>>>;
};

/** What `attach()` takes. */
export interface OrtOptions extends AttachOptions {
  /** The device that a session was made with, `executionProviders: [{ name: 'webgpu', device }]`; default: the runtime's own. */
  device?: GPUDevice;
}

// What is used of ONNX Runtime, whose types are not there where it is not installed.
interface LiveTensor extends OrtTensor {
  readonly gpuBuffer: GPUBuffer;
  readonly data: { buffer: ArrayBufferLike; byteOffset: number; byteLength: number };
  dispose(): void;
}
interface Internals {
  readonly env: { readonly webgpu?: { readonly device?: GPUDevice | Promise<GPUDevice> } };
  readonly Tensor: {
    fromGpuBuffer(
      buffer: GPUBuffer,
      options: { dataType: string; dims: readonly number[]; download(): Promise<unknown>; dispose(): void },
    ): LiveTensor;
  };
}

const sizeOf = (dims: readonly number[], type: string): number =>
  dims.reduce((a, b) => a * b, 1) * (type === 'float16' ? 2 : 4);

/** The losses on ONNX Runtime's own WebGPU device: `const g = await attach(ort); const { loss } = await g.ntXent(a, b)`. */
export async function attach<O extends OnnxRuntime>(ort: O, options: OrtOptions = {}): Promise<OrtLosses<O>> {
  const host = ort as unknown as Internals;
  if (typeof host?.Tensor?.fromGpuBuffer !== 'function')
    check.fail(
      'attach',
      `${check.came('ort', ort, 'is')}, expected what import * as ort from 'onnxruntime-web/webgpu' gives.`,
    );
  const { device: given, ...others } = check.plain('attach', 'options', options) as OrtOptions;
  if (given !== undefined && typeof given?.createBuffer !== 'function')
    check.fail('attach', `${check.came('device', given, 'is')}, expected a GPUDevice.`);
  const device = given ?? (await host.env.webgpu?.device);
  if (typeof device?.createBuffer !== 'function')
    return check.fail(
      'attach',
      'the runtime has no device yet, expected one; make an InferenceSession on "webgpu" first, or give the device.',
    );
  const guest = await openGuest<OrtInput>(device, { isTensor, layoutOf }, others);
  const readback = new Readback(device); // the results may be read after destroy(): they are the caller's

  const buffer = (bytes: number): GPUBuffer =>
    device.createBuffer({
      label: 'gramian',
      size: 16 * Math.ceil(bytes / 16), // as the runtime wants it of its inputs
      usage: USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST,
    });
  const uploaded = ({ data, dims, type }: LiveTensor): GPUBuffer => {
    const to = buffer(sizeOf(dims, type));
    const bytes = new Uint8Array(to.size);
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    device.queue.writeBuffer(to, 0, bytes);
    return to;
  };
  const made = (dims: readonly number[], dataType: string): LiveTensor => {
    const memory = buffer(sizeOf(dims, dataType));
    const download = async (): Promise<unknown> =>
      arrayOf(dataType, await readback.read(memory, 0, sizeOf(dims, dataType)));
    return host.Tensor.fromGpuBuffer(memory, { dataType, dims, download, dispose: () => memory.destroy() });
  };
  const run = async (op: LossName, all: readonly unknown[]): Promise<LossTensors<LiveTensor>> => {
    const { args, gradients } = asked(op, all);
    const call = guest.prepare(op, args, () => gradients);
    const results = [
      made([], 'float32'),
      ...call.live.map((input) => made(tensorOf(input).dims, tensorOf(input).type)),
    ];
    const own: GPUBuffer[] = [];
    const inputs = call.tensors.map((input) => {
      const tensor = tensorOf(input) as LiveTensor;
      if (tensor.location !== 'cpu') return tensor.gpuBuffer;
      own.push(uploaded(tensor));
      return own[own.length - 1];
    });
    // Nothing awaits before the work is submitted: an input may be disposed of as soon as this returns.
    try {
      const outputs = results.map(({ gpuBuffer }) => gpuBuffer);
      call.run(inputs, outputs, () => results.forEach((tensor) => void tensor.dispose()));
    } finally {
      for (const memory of own) memory.destroy();
    }
    return { loss: results[0], gradients: results.slice(1) };
  };
  return guest.attached(run) as unknown as OrtLosses<O>;
}

const tensorOf = (input: OrtInput): OrtTensor => ('ort_tensor' in input ? input.ort_tensor : input);

/** By what it has: transformers.js brings a runtime of its own. */
function isTensor(value: unknown): value is OrtInput {
  if (typeof value !== 'object' || value === null) return false;
  const { dims, location, type } = ('ort_tensor' in value ? value.ort_tensor : value) as Partial<OrtTensor>;
  return Array.isArray(dims) && typeof location === 'string' && typeof type === 'string';
}

function layoutOf(input: OrtInput, op: string): HostLayout {
  const { dims, location, type } = tensorOf(input);
  const called = `a tensor [${dims.join(', ')}]`;
  if (location === 'none') check.fail(op, `${called} was disposed, expected a live one.`);
  if (location !== 'gpu-buffer' && location !== 'cpu')
    check.fail(
      op,
      `${called} lies in ${check.say(location)}, expected "gpu-buffer" or "cpu"; see preferredOutputLocation.`,
    );
  if (!TYPES[type])
    check.fail(
      op,
      `${called} holds ${type}, expected float32 or float16, or int32 for labels${type === 'int64' ? ': cast them' : ''}.`,
    );
  return { shape: dims, dtype: TYPES[type] };
}

/** As the runtime holds it: float16 in Float16Array, where there is one, or in the bits of it. */
function arrayOf(type: string, bytes: ArrayBuffer): unknown {
  const { Float16Array: Half = Uint16Array } = globalThis as unknown as { Float16Array?: typeof Uint16Array };
  return type === 'float16' ? new Half(bytes) : new Float32Array(bytes);
}
