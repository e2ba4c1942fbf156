// What the adapters of frameworks share: a loss called with a framework's own tensors, by a plan on their buffers.
import * as check from '../core/check.ts';
import { bytesOf, checkLayout, isPacked, type Layout } from '../core/layout.ts';
import type { DataType, Tensor } from '../core/tensor.ts';
import { createEngine, type Engine, type EngineOptions } from '../engine/engine.ts';
import type { Plan } from '../engine/plan.ts';
import { LOSSES } from '../losses/index.ts';

type Losses = typeof LOSSES;
export type LossName = keyof Losses;

/** A value of a loss's signature with the framework's tensors in place of ours. */
export type InHost<V, H> = V extends Tensor
  ? H
  : V extends Int32Array | Float32Array
    ? V
    : V extends object
      ? { [K in keyof V]: InHost<V[K], H> }
      : V;

/** The arguments of a loss, in tensors of a framework. */
export type HostArguments<Name extends LossName, H> =
  InHost<Parameters<Losses[Name]>, H> extends infer A extends unknown[] ? A : never;

/** The same where the options, last of all, may ask for the gradients. */
export type AskingArguments<Name extends LossName, H> =
  Required<HostArguments<Name, H>> extends [...infer Before, infer Last]
    ? Last extends H | readonly H[] | Int32Array
      ? [...HostArguments<Name, H>, options?: Asking]
      : object extends Last
        ? [...Before, options?: Last & Asking]
        : [...Before, options: Last & Asking]
    : never;

interface Asking {
  /** Whether the gradients are computed too. Default false. */
  gradients?: boolean;
}

/** What every adapter has beside the losses. */
export interface Attached {
  /** The engine on the framework's device: `engine.sync()`, `engine.tune()`, `engine.memory()`. */
  readonly engine: Engine;
  /** Frees what the adapter holds on the GPU; the framework's tensors and device stay. */
  destroy(): void;
}

export interface AttachOptions extends Pick<EngineOptions, 'check' | 'matmulPrecision' | 'families' | 'tune'> {
  /** How many plans are kept, one for each loss with its shapes and options; those used last. Default 32. */
  plans?: number;
}

/** By the names that NumPy gave them, and frameworks after it. */
export const TYPES: Readonly<Record<string, DataType>> = {
  float32: 'f32',
  float16: 'f16',
  int32: 'i32',
  uint32: 'u32',
};

/** How a tensor of the framework lies in its buffer. */
export interface HostLayout {
  readonly shape: readonly number[];
  readonly dtype: DataType;
  readonly rowStride?: number;
}

/** What the core has to know of a framework's tensors. */
export interface HostTensors<H> {
  isTensor(value: unknown): value is H;
  /** Refuses, in the name of `op`, what has no numbers on the device. */
  layoutOf(tensor: H, op: string): HostLayout;
}

/** A loss on certain tensors, checked and ready to run. */
export interface LossCall<H> {
  /** All tensors among the arguments, in their order. */
  readonly tensors: readonly H[];
  /** Those that a gradient was asked for, in the same order. */
  readonly live: readonly H[];
  /**
   * On the buffers of `tensors`; the loss and the gradients of `live` go to buffers of the framework's own.
   * @param undo frees what holds those buffers, where this fails
   */
  run(inputs: readonly GPUBuffer[], outputs: readonly GPUBuffer[], undo?: () => void): void;
}

export class Guest<H> {
  readonly engine: Engine;
  readonly #host: HostTensors<H>;
  readonly #plans = new Map<string, Plan>();
  readonly #most: number;

  constructor(engine: Engine, host: HostTensors<H>, most: number) {
    this.engine = engine;
    this.#host = host;
    this.#most = most;
  }

  /** Looks at the arguments of a loss as the loss itself does, before the framework makes anything for its results. */
  prepare(op: LossName, args: readonly unknown[], wanted: (tensor: H) => boolean): LossCall<H> {
    const host = this.#host;
    const tensors: H[] = [];
    const layouts: Layout[] = [];
    let repeats = true;
    const described = this.#replaced(args, (value) => {
      if (!host.isTensor(value)) {
        // Numbers of the caller's own, which may be others the next time, and what no loss takes.
        if (typeof value === 'object' && value !== null) repeats = false;
        return typeof value === 'string' ? ['text', value] : check.say(value);
      }
      const { shape, dtype, rowStride } = host.layoutOf(value, op);
      const layout = checkLayout(op, shape, dtype, rowStride);
      layouts.push(layout);
      return [tensors.push(value), dtype, layout.rowStride, ...shape];
    });
    const live = tensors.map((tensor, i) => layouts[i].dtype.startsWith('f') && wanted(tensor));
    const build = (inputs: readonly Tensor[]): Tensor[] => {
      let at = 0;
      const given = this.#replaced(args, (value) => (host.isTensor(value) ? inputs[at++] : value));
      const loss = (LOSSES[op] as (...args: never[]) => Tensor)(...(given as never[]));
      if (!live.includes(true)) return [loss];
      loss.backward();
      return [loss, ...inputs.filter((_, i) => live[i]).map((input) => input.grad ?? this.#zerosLike(input))];
    };
    const plan = repeats
      ? this.#planOf(`${op}${JSON.stringify([described, live])}`, () => planned(this.engine, layouts, live, build))
      : null;
    return {
      tensors,
      live: tensors.filter((_, i) => live[i]),
      run: (inputs, outputs, undo) => {
        try {
          if (plan) this.#encode(plan, inputs, outputs);
          else this.#runOnce(layouts, live, build, inputs, outputs);
        } catch (error) {
          undo?.();
          throw error;
        }
      },
    };
  }

  /** What `attach()` gives: every loss under its own name, and what is beside them. */
  attached<R>(
    call: (op: LossName, args: readonly unknown[]) => R,
  ): Record<LossName, (...args: unknown[]) => R> & Attached {
    const names = Object.keys(LOSSES) as LossName[];
    const losses = names.map((op) => [op, (...args: unknown[]) => call(op, args)]);
    return { ...Object.fromEntries(losses), engine: this.engine, destroy: () => this.destroy() };
  }

  destroy(): void {
    for (const plan of this.#plans.values()) plan.dispose();
    this.#plans.clear();
    this.engine.destroy();
  }

  /** Arrays and plain objects copied, all else as `replace` says. */
  #replaced(value: unknown, replace: (value: unknown) => unknown): unknown {
    const inner = (item: unknown): unknown => this.#replaced(item, replace);
    if (Array.isArray(value)) return value.map(inner);
    if (this.#host.isTensor(value) || !check.isPlain(value)) return replace(value);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inner(item)]));
  }

  #planOf(key: string, make: () => Plan): Plan {
    const plan = this.#plans.get(key) ?? make();
    this.#plans.delete(key);
    this.#plans.set(key, plan); // the last of the map is the one used last
    for (const [oldest, unused] of this.#plans) {
      if (this.#plans.size <= this.#most) break;
      this.#plans.delete(oldest);
      unused.dispose();
    }
    return plan;
  }

  /** Submitted before control goes back: a framework gives a buffer to others as soon as its tensor is gone. */
  #encode(plan: Plan, inputs: readonly GPUBuffer[], outputs: readonly GPUBuffer[]): void {
    const { device } = this.engine;
    const encoder = device.createCommandEncoder({ label: 'gramian' });
    const named = (prefix: string, buffers: readonly GPUBuffer[]): [string, GPUBuffer][] =>
      buffers.map((buffer, i) => [`${prefix}${i}`, buffer]);
    plan.encode(encoder, Object.fromEntries([...named('in', inputs), ...named('out', outputs)]));
    device.queue.submit([encoder.finish()]);
  }

  /** Without a plan, which would be one for every batch of labels. */
  #runOnce(
    layouts: readonly Layout[],
    live: readonly boolean[],
    build: (inputs: readonly Tensor[]) => Tensor[],
    inputs: readonly GPUBuffer[],
    outputs: readonly GPUBuffer[],
  ): void {
    const { engine } = this;
    const given = layouts.map(({ shape, dtype, rowStride }, i) =>
      engine.fromBuffer(inputs[i], shape, { dtype, rowStride: rowStride ?? undefined, requiresGrad: live[i] }),
    );
    try {
      engine.scope(() => {
        const encoder = engine.device.createCommandEncoder({ label: 'gramian' });
        build(given).forEach((result, i) => {
          encoder.copyBufferToBuffer(result.buffer, result.offset, outputs[i], 0, bytesOf(result));
        });
        engine.device.queue.submit([encoder.finish()]);
      });
    } finally {
      for (const tensor of given) tensor.dispose();
    }
  }

  /** The gradient of what the loss does not look at. */
  #zerosLike(input: Tensor): Tensor {
    const zeros = this.engine.full(input.shape, 0);
    return isPacked(input) ? zeros : this.engine.inLayout(zeros, input, 'attach');
  }
}

function planned(
  engine: Engine,
  layouts: readonly Layout[],
  live: readonly boolean[],
  build: (inputs: readonly Tensor[]) => Tensor[],
): Plan {
  const inputs = layouts.map(({ shape, dtype, rowStride }, i) => {
    return [`in${i}`, { shape, dtype, rowStride: rowStride ?? undefined, requiresGrad: live[i] }] as const;
  });
  return engine.plan(Object.fromEntries(inputs), (tensors) => {
    const results = build(layouts.map((_, i) => tensors[`in${i}`]));
    return Object.fromEntries(results.map((result, i) => [`out${i}`, result]));
  });
}

/** Takes `gradients: true` out of the options, which losses do not know. */
export function asked(op: string, args: readonly unknown[]): { args: readonly unknown[]; gradients: boolean } {
  const options = args.at(-1);
  if (!check.isPlain(options) || !Object.hasOwn(options, 'gradients')) return { args, gradients: false };
  const { gradients, ...others } = options;
  if (gradients !== undefined) check.flag(op, 'gradients', gradients);
  const before = args.slice(0, -1);
  return { args: Object.keys(others).length > 0 ? [...before, others] : before, gradients: gradients === true };
}

/** A guest on a framework's device. `flush` submits what the framework has recorded and holds back. */
export async function openGuest<H>(
  device: GPUDevice,
  host: HostTensors<H>,
  options: AttachOptions | undefined,
  flush?: () => void,
): Promise<Guest<H>> {
  const { plans, ...others } = check.options('attach', options, {
    plans: 32,
    check: undefined,
    matmulPrecision: undefined,
    families: undefined,
    tune: undefined,
  } as Required<Pick<AttachOptions, 'plans'>> & AttachOptions);
  check.integer('attach', 'plans', plans, 1, 4096);
  return new Guest(await createEngine({ ...others, device, beforeRun: flush }), host, plans);
}
