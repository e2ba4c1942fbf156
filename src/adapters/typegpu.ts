import * as check from '../core/check.ts';
import type { DataType, Tensor } from '../core/tensor.ts';
import type { BufferRange } from '../engine/planArguments.ts';
import {
  type AskingArguments,
  type Attached,
  type AttachOptions,
  asked,
  type HostLayout,
  type LossName,
  openGuest,
} from './guest.ts';

/** A `TgpuRoot`, as `tgpu.init()` and `tgpu.initFromDevice()` give it. */
export interface Root {
  readonly device: unknown;
  createBuffer(schema: never): object;
  unwrap(resource: never): unknown;
}

/** A buffer of TypeGPU with `$usage('storage')`. */
export interface StorageBuffer {
  readonly resourceType: 'buffer';
  readonly dataType: { readonly type: string };
  readonly usableAsStorage: true;
}

/** Buffers that the caller owns, with usage storage. */
export interface LossBuffers {
  /** f32. */
  readonly loss: StorageBuffer & { read(): Promise<number>; destroy(): void };
  /** Of every float buffer among the arguments, in their order, with its schema; empty without `gradients: true`. */
  readonly gradients: readonly (StorageBuffer & { read(): Promise<unknown>; destroy(): void })[];
}

/** A plan on buffers of TypeGPU. */
export interface BufferPlan {
  /** Buffers for the results, by name: of those that are one number, or have the schema of an input. */
  readonly outputs: Readonly<Record<string, StorageBuffer & { read(): Promise<unknown>; destroy(): void }>>;
  /**
   * Runs when you submit. `target` is an encoder or a compute pass, TypeGPU's or WebGPU's own.
   * @param buffers others in place of the inputs or outputs, and those for results that `outputs` lacks
   */
  encode(target: object, buffers?: Readonly<Record<string, StorageBuffer | GPUBuffer | BufferRange>>): void;
  /** Frees the plan; inputs and outputs stay. */
  dispose(): void;
}

/** Every loss on buffers of TypeGPU, whose schemas say the shapes: `arrayOf(arrayOf(f32, D), N)` or `arrayOf(vec3f, N)`. */
export type TypeGPULosses = Attached & {
  [Name in LossName]: (...args: AskingArguments<Name, StorageBuffer>) => LossBuffers;
} & {
  /** Captures `build`, which gets a Tensor for each buffer; the float ones get a `grad`. */
  plan<Names extends string>(
    inputs: Readonly<Record<Names, StorageBuffer>>,
    build: (inputs: Record<Names, Tensor>) => Record<string, Tensor | null>,
  ): BufferPlan;
};

// What is used of TypeGPU, whose types are not there where it is not installed.
interface Schema {
  readonly type: string;
  readonly elementType?: Schema;
  readonly elementCount?: number;
  /** Of a vector. */
  readonly primitive?: Schema;
}
interface TgpuBuffer {
  readonly dataType: Schema;
  readonly destroyed: boolean;
  readonly usableAsStorage: boolean;
  $usage(usage: 'storage'): TgpuBuffer;
  destroy(): void;
}
interface Internals {
  readonly device: GPUDevice;
  createBuffer(schema: Schema): TgpuBuffer;
  unwrap<T>(resource: unknown): T;
}

const VECTOR_TYPES: Readonly<Record<string, DataType>> = { f: 'f32', h: 'f16', i: 'i32', u: 'u32' };

/** Arrays of arrays, of numbers or of vectors: a vec3 takes the room of a vec4. */
function layoutOf(schema: Schema, op: string): HostLayout {
  const { type, elementType, elementCount } = schema;
  if (type === 'array' && elementType) {
    const { shape, ...inner } = layoutOf(elementType, op);
    return { ...inner, shape: [elementCount ?? 0, ...shape] };
  }
  if (type === 'f32' || type === 'f16' || type === 'i32' || type === 'u32') return { shape: [], dtype: type };
  const [, size, letter] = /^vec([234])([fhiu])$/.exec(type) ?? [];
  if (!size)
    return check.fail(op, `a buffer holds ${type}, expected arrays of f32, f16, i32 or u32, or of vectors of them.`);
  return { shape: [Number(size)], dtype: VECTOR_TYPES[letter], rowStride: size === '3' ? 4 : undefined };
}

/** An encoder or a pass of TypeGPU, which names what it is. */
const isOfTypeGPU = (target: object): boolean =>
  typeof target === 'object' && target !== null && 'resourceType' in target;

const leafOf = (schema: Schema): Schema =>
  schema.elementType ? leafOf(schema.elementType) : (schema.primitive ?? schema);

/** The losses on TypeGPU's own device: `const g = await attach(root); const { loss } = g.ntXent(a, b)`. */
export async function attach(root: Root, options?: AttachOptions): Promise<TypeGPULosses> {
  if (typeof root?.unwrap !== 'function' || typeof root?.createBuffer !== 'function')
    check.fail(
      'attach',
      `${check.came('root', root, 'is')}, expected what tgpu.init() or tgpu.initFromDevice() gives.`,
    );
  const host = root as unknown as Internals;
  const isBuffer = (value: unknown): value is TgpuBuffer =>
    (value as { resourceType?: unknown } | null | undefined)?.resourceType === 'buffer';
  const checked = (buffer: TgpuBuffer, op: string): HostLayout => {
    const layout = layoutOf(buffer.dataType, op);
    const called = `a buffer [${layout.shape.join(', ')}]`;
    if (buffer.destroyed) check.fail(op, `${called} was destroyed, expected a live one.`);
    if (!buffer.usableAsStorage) check.fail(op, `${called} lacks usage, expected .$usage('storage').`);
    return layout;
  };
  const guest = await openGuest<TgpuBuffer>(host.device, { isTensor: isBuffer, layoutOf: checked }, options);
  const raw = (buffer: TgpuBuffer): GPUBuffer => host.unwrap<GPUBuffer>(buffer);
  const make = (schema: Schema): TgpuBuffer => host.createBuffer(schema).$usage('storage');
  const f32Of = (buffers: readonly TgpuBuffer[], op: string): Schema =>
    buffers.map(({ dataType }) => leafOf(dataType)).find(({ type }) => type === 'f32') ??
    check.fail(op, 'no buffer holds f32, expected one that does: the loss is of its type.');

  const run = (op: LossName, all: readonly unknown[]): object => {
    const { args, gradients } = asked(op, all);
    const call = guest.prepare(op, args, () => gradients);
    const outputs = [f32Of(call.tensors, op), ...call.live.map(({ dataType }) => dataType)].map(make);
    call.run(call.tensors.map(raw), outputs.map(raw), () => outputs.forEach((output) => void output.destroy()));
    return { loss: outputs[0], gradients: outputs.slice(1) };
  };

  const plan = (
    inputs: Readonly<Record<string, TgpuBuffer>>,
    build: (tensors: Record<string, Tensor>) => Record<string, Tensor>,
  ): object => {
    check.plain('plan', 'inputs', inputs);
    const layouts = Object.entries(inputs).map(([name, buffer]) => {
      if (!isBuffer(buffer))
        check.fail('plan', `${check.came(`inputs.${name}`, buffer, 'is')}, expected a buffer of TypeGPU.`);
      const layout = checked(buffer, 'plan');
      return [name, { ...layout, requiresGrad: layout.dtype.startsWith('f') }] as const;
    });
    const outputs: Record<string, TgpuBuffer> = {};
    const captured = guest.engine.plan(Object.fromEntries(layouts), (tensors) => {
      const results = build(tensors);
      for (const [name, { shape, dtype, rowStride }] of Object.entries(results ?? {}).filter(([, result]) => result)) {
        const said = JSON.stringify([shape, dtype, rowStride]);
        const [like] =
          layouts.find(
            ([of]) => JSON.stringify([tensors[of].shape, tensors[of].dtype, tensors[of].rowStride]) === said,
          ) ?? [];
        if (like !== undefined) outputs[name] = make(inputs[like].dataType);
        else if (shape.length === 0 && dtype === 'f32') outputs[name] = make(f32Of(Object.values(inputs), 'plan'));
      }
      return results;
    });
    const encode = (
      target: object,
      others: Readonly<Record<string, TgpuBuffer | GPUBuffer | BufferRange>> = {},
    ): void => {
      const buffers = Object.entries({ ...inputs, ...outputs, ...others });
      const bound = buffers.map(([name, buffer]) => [name, isBuffer(buffer) ? raw(buffer) : buffer] as const);
      captured.encode(
        isOfTypeGPU(target) ? host.unwrap<GPUComputePassEncoder>(target) : (target as GPUComputePassEncoder),
        Object.fromEntries(bound),
      );
    };
    return { outputs, encode, dispose: () => captured.dispose() };
  };
  return { ...guest.attached(run), plan } as unknown as TypeGPULosses;
}
