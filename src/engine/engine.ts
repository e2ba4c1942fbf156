import * as check from '../core/check.ts';
import { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import { type Device, openDevice } from '../gpu/device.ts';
import { GramianError } from '../gpu/errors.ts';
import type { MemoryReport } from '../gpu/pool.ts';
import { openChoices, saveChoices } from '../tuning/choiceCache.ts';
import { type Choices, type ChoiceTable, isChoices } from '../tuning/choices.ts';
import {
  chooseFamilies,
  FAMILIES,
  type Family,
  type FamilyChoice,
  type MatmulPrecision,
  PRECISIONS,
} from '../tuning/families.ts';
import { dryRun } from './dryRun.ts';
import { type Explained, explained } from './explain.ts';
import { Plan } from './plan.ts';
import type { PlanInputs } from './planArguments.ts';
import { type Recorded, recorded } from './recorded.ts';
import { type TuneOptions, type TuneReport, tune } from './tuner.ts';

export interface EngineOptions {
  /** A GPUDevice of yours: used as it is, never destroyed by the engine. */
  device?: GPUDevice;
  /**
   * Called before the engine computes on your device or reads from it, and by `plan.encode()`: submit here what you have
   * recorded and hold back, as libraries do that gather their work, or the engine finds buffers as they were before it.
   */
  beforeRun?: () => void;
  /** Which adapter to look for when no `device` is given. Default `'auto'`: hardware first, then software. */
  adapter?: 'auto' | 'hardware' | 'software';
  /** Default `'high-performance'`. */
  powerPreference?: GPUPowerPreference;
  /** Looks for non-finite values and rows without a direction in every op's input; found ones reject the next read. */
  check?: boolean;
  /** How exact the products inside ops and losses are, where a faster way is at hand. Default `'highest'`: f32. */
  matmulPrecision?: MatmulPrecision;
  /**
   * The kernel families to use, wherever they can be. Default: those that the adapter offers at this precision, where they
   * are known to be faster. `['f32']` is what runs everywhere.
   */
  families?: readonly Family[];
  /**
   * How tile shapes and schedules are chosen. `'cached'` (default): what `tune()` measured on this adapter and driver, in
   * this process or an earlier one, and else what is predicted. `'off'`: nothing from earlier processes, and nothing is
   * kept for later ones. `'full'`: as `'cached'`, but `tune()` measures again what is cached. Or the `choices()` of
   * another engine: those and no others, so that the same work gives the same bits.
   */
  tune?: 'off' | 'cached' | 'full' | Choices;
}

/** One WebGPU device with its memory, kernels and tape. */
export class Engine extends Context {
  readonly #tuning: 'off' | 'cached' | 'full';

  /** @internal Use `createEngine()`. */
  constructor(
    gpu: Device,
    checking: boolean,
    choice: FamilyChoice,
    table: ChoiceTable,
    tuning: 'off' | 'cached' | 'full',
  ) {
    super(gpu, checking, choice, table);
    this.#tuning = tuning;
  }

  /** Live GPU memory without idle pool buffers, and its peak since `resetPeakMemory()`. */
  memory(): MemoryReport {
    return this.lowLevel.pool.report();
  }

  resetPeakMemory(): void {
    this.lowLevel.pool.resetPeak();
  }

  /** Resolves when the GPU has done all that was encoded; rejects with what went wrong. */
  async sync(): Promise<void> {
    this.inspector.report();
    await this.lowLevel.sync('sync', () => this.inspector.report());
  }

  /**
   * Compiles ahead: runs each function without launching or reading anything, and compiles the kernels that it asks for.
   * `engine.prepare([() => ntXent(z0, z1).backward()])`
   */
  prepare(list: readonly (() => unknown)[]): void {
    this.assertAlive('prepare');
    this.#checkList('prepare', list);
    for (const item of list)
      dryRun(this, item, { launch: (kernel, { tuning }) => void this.lowLevel.pipeline(kernel, tuning) });
  }

  /**
   * Measures how the ops that these functions call are best done on this adapter: tile shapes, schedules. What is clearly
   * faster, and agrees with what was done before, is taken from now on, and cached for later processes. The functions
   * run without effect, and their kernels many times on memory of the tuner's: `await engine.tune([() => ntXent(z0,
   * z1).backward()])`. Nothing is ever measured outside of this call.
   */
  async tune(list: readonly (() => unknown)[], options?: TuneOptions): Promise<TuneReport> {
    this.assertAlive('tune');
    this.#checkList('tune', list);
    const { budget, margin, clock, onMeasured } = check.options('tune', options, {
      budget: 30,
      margin: 0.05,
      clock: () => performance.now(),
      onMeasured: (() => {}) as NonNullable<TuneOptions['onMeasured']>,
    });
    check.positive('tune', 'budget', budget);
    check.nonNegative('tune', 'margin', margin);
    check.callback('tune', 'clock', clock);
    check.callback('tune', 'onMeasured', onMeasured);
    await this.sync(); // earlier trouble is not the tuner's
    const report = await tune(this, this.table, list, {
      budget,
      margin,
      clock,
      onMeasured,
      fresh: this.#tuning === 'full',
    });
    this.table.tunings++;
    const place = this.#tuning === 'off' ? null : await saveChoices(this.table);
    return { ...report, place };
  }

  /**
   * What `fn` would launch, and why: nothing runs. `engine.explain(() => ntXent(z0, z1).backward())`
   */
  explain(fn: () => unknown): Explained[] {
    this.assertAlive('explain');
    check.callback('explain', 'fn', fn);
    const launches: Explained[] = [];
    dryRun(this, fn, { launch: (kernel, options) => void launches.push(explained(kernel, options)) });
    return launches;
  }

  /**
   * All that was chosen so far, and what is cached: plain JSON, to be kept with a checkpoint. An engine made with
   * `createEngine({ tune: choices })` on the same adapter gives the same bits, whatever was measured since.
   */
  choices(): Choices {
    return this.table.export();
  }

  /**
   * Captures what `build` does on tensors of these shapes as a plan, to be encoded into a command encoder or compute pass
   * of yours on buffers of yours, as often as you like.
   */
  plan(inputs: PlanInputs, build: (inputs: Record<string, Tensor>) => Record<string, Tensor>): Plan {
    this.assertAlive('plan');
    check.plain('plan', 'inputs', inputs);
    check.callback('plan', 'build', build);
    return new Plan(this, inputs, build);
  }

  /**
   * Captures what `fn` does on the GPU at its first call, and replays it at later ones: the same bits, without JavaScript
   * for each op. `fn` may call `backward()` and an optimiser's `step()`.
   *
   * Inputs of other shapes are captured apart; the four used last are cached. What `fn` reads besides its inputs (weights,
   * running moments) is read anew at every call, in the same memory. Numbers are not: a learning rate belongs into
   * `optimizer.learningRate`, any other number that changes into a one-element tensor that you `write()`. The second call
   * runs `fn` once more to compare, and refuses other numbers, other labels or other work; with `check` on, every call does.
   *
   * @param fn takes Tensors, and returns Tensors (alone, or in arrays and plain objects). It gets stand-ins for the inputs,
   * without values: their gradients reach you as results. It cannot read, nor call another recorded function.
   */
  recorded<I extends readonly Tensor[], O>(fn: (...inputs: I) => O): Recorded<I, O> {
    this.assertAlive('recorded');
    if (typeof fn !== 'function')
      this.fail('recorded', `${check.came('fn', fn, 'is')}, expected a function of Tensors.`);
    return recorded(this, fn);
  }

  /** As `Tensor`'s. */
  get [Symbol.toStringTag](): string {
    return 'Engine';
  }

  #checkList(op: string, list: readonly (() => unknown)[]): void {
    if (!check.every(list, (item) => typeof item === 'function'))
      this.fail(op, `${check.came('list', list, 'is')}, expected an array of functions that call ops.`);
  }
}

/** Opens a device (or takes yours) and readies an engine on it. */
export async function createEngine(options?: EngineOptions): Promise<Engine> {
  const {
    device,
    beforeRun,
    adapter,
    powerPreference,
    check: checking,
    matmulPrecision,
    families,
    tune: tuning,
  } = check.options('createEngine', options, {
    device: undefined as GPUDevice | undefined,
    beforeRun: undefined as (() => void) | undefined,
    adapter: 'auto' as NonNullable<EngineOptions['adapter']>,
    powerPreference: 'high-performance' as GPUPowerPreference,
    check: false as boolean,
    matmulPrecision: 'highest' as MatmulPrecision,
    families: undefined as readonly Family[] | undefined,
    tune: 'cached' as NonNullable<EngineOptions['tune']>,
  });
  check.oneOf('createEngine', 'adapter', adapter, ['auto', 'hardware', 'software']);
  check.oneOf('createEngine', 'matmulPrecision', matmulPrecision, PRECISIONS);
  check.oneOf('createEngine', 'powerPreference', powerPreference, ['high-performance', 'low-power']);
  if (device !== undefined && typeof device?.createBuffer !== 'function')
    throw new GramianError(`createEngine: device is ${check.say(device)}, expected a GPUDevice.`);
  if (beforeRun !== undefined) check.callback('createEngine', 'beforeRun', beforeRun);
  if (beforeRun !== undefined && device === undefined)
    throw new GramianError('createEngine: beforeRun came without a device, expected it beside a device of yours.');
  if (!isChoices(tuning) && !['off', 'cached', 'full'].includes(tuning))
    throw new GramianError(
      `createEngine: tune = ${check.say(tuning)}, expected "off" or "cached" or "full", or the choices() of an engine.`,
    );
  checkFamilies(families);
  const gpu = await openDevice({ device, adapter, powerPreference });
  gpu.queue.beforeRun = beforeRun ? watched(beforeRun) : null;
  try {
    const choice = chooseFamilies(gpu.info, matmulPrecision, families);
    const table = await openChoices(gpu.info, tuning);
    return new Engine(gpu, checking === true, choice, table, isChoices(tuning) ? 'off' : tuning);
  } catch (error) {
    gpu.destroy();
    throw error;
  }
}

/** The host's function, which has to be done when it returns, and to leave the engine that asks alone. */
function watched(beforeRun: () => void): () => void {
  const op = 'beforeRun';
  let running = false;
  return () => {
    if (running)
      check.fail(
        op,
        'the engine that calls it is used in it, expected what submits the commands of your library only.',
      );
    running = true;
    try {
      check.synchronous(op, 'it', beforeRun());
    } catch (error) {
      if (error instanceof GramianError) throw error;
      throw new GramianError(`${op}: it throws: ${(error as Error)?.message ?? error}`, { cause: error });
    } finally {
      running = false;
    }
  };
}

/** Before a device is opened for them. */
function checkFamilies(asked: readonly Family[] | undefined): void {
  if (asked !== undefined && !check.every(asked, (family) => FAMILIES.includes(family as Family)))
    throw new GramianError(`createEngine: families = ${listed(asked)}, expected an array of ${FAMILIES.join(', ')}.`);
}

/** `["f16"]` as it was given, or what came in its place. */
function listed(asked: unknown): string {
  return Array.isArray(asked) && asked.length < 9 ? `[${Array.from(asked, check.say).join()}]` : check.say(asked);
}
