// One mode of `npm run soak`, in a process of its own: trains small networks on batches of changing shapes and notes down
// what is held after each cycle of shapes. The last line that it prints is what it saw, as JSON.
import { join } from 'node:path';
import { writeHeapSnapshot } from 'node:v8';
import { createRandom, type Random } from '../../src/core/random.ts';
import type { Engine, Tensor } from '../../src/index.ts';
import { barlowTwins, createEngine, dcl, matmul, ntXent, relu, simSiam, supCon, vicReg } from '../../src/index.ts';
import { sgd } from '../../src/optim/index.ts';

export const MODES = ['eager', 'recorded', 'plan', 'never-dispose'] as const;
export type Mode = (typeof MODES)[number];

/** Steps in turn on one shape: a recorded step is recorded, compared and replayed. */
const TURN = 5;
/** Times that the heap is looked at. */
const SAMPLES = 25;
/** The share of the steps that only warms up. */
const EARLY = 0.2;
/** More than the shapes that a recorded step keeps. */
const SHAPES = 8;
/** Steps after which all shapes have had their turn. */
export const CYCLE = SHAPES * TURN;

/** What is held at one moment. */
export interface Held {
  /** Of `engine.memory()`. */
  readonly buffers: number;
  readonly bytes: number;
  readonly pooledBytes: number;
  /** Counted at the device: made and neither destroyed nor collected, staging and parameters too. */
  readonly deviceBuffers: number;
  readonly deviceBytes: number;
  readonly pipelines: number;
}

/** Memory at one moment, in megabytes. */
export interface Sample {
  readonly step: number;
  /** JavaScript's heap after a collection. */
  readonly heap: number;
  /** Resident memory after it. */
  readonly collected: number;
  /** Resident memory at the ends of the cycles since the sample before, their mean: with what V8 has not collected yet. */
  readonly resident: number;
}

export interface Seen {
  readonly adapter: string;
  readonly seconds: number;
  readonly submits: number;
  readonly launches: number;
  /** After the cycles that warm up, and at the end. */
  readonly first: Held;
  readonly last: Held;
  /** Cycles whose end was not as that of the first, with one of them. */
  readonly cycles: number;
  readonly unlike: number;
  readonly example: string;
  /** Most of anything, at any cycle's end, in the first half of the run and in the second. */
  readonly most: readonly [Held, Held];
  /** What is left when everything was let go and collected. */
  readonly after: Held;
  readonly samples: readonly Sample[];
  /** The step of the first snapshot: samples after it are judged. */
  readonly from: number;
  /** Snapshots of the heap there and at the end, if they were asked for. */
  readonly snapshots: readonly string[];
  /** The loss at the end of each cycle, the last ones: numbers, so that nothing went wrong on the way. */
  readonly losses: readonly number[];
}

interface Shape {
  readonly rows: number;
  readonly width: number;
}

/** What a mode does in a step; the loss where it is asked for. */
interface Trainer {
  step(shape: Shape, read: boolean): Promise<number> | undefined;
  end(): void;
}

const WIDTHS = [5, 8, 12];
const OUT = 6;

/** Which loss a shape takes depends on it alone, so that a recorded function may ask. */
function lossOf(z0: Tensor, z1: Tensor): Tensor {
  const rows = z0.shape[0];
  const labels = Int32Array.from({ length: rows }, (_, i) => i >> 1);
  const losses = [
    () => ntXent(z0, z1),
    () => barlowTwins(z0, z1),
    () => supCon([z0, z1], labels),
    () => vicReg(z0, z1),
    () => dcl(z0, z1),
    () => simSiam(z0, z1),
  ];
  return losses[rows % losses.length]();
}

const encode = (x: Tensor, first: Tensor, second: Tensor): Tensor => matmul(relu(matmul(x, first)), second);

class Bench {
  readonly engine: Engine;
  readonly random: Random;
  /** Two layers for each width of inputs. */
  readonly layers = new Map<number, readonly [Tensor, Tensor]>();
  readonly counted = { buffers: 0, bytes: 0, pipelines: 0 };

  constructor(engine: Engine, seed: number) {
    this.engine = engine;
    this.random = createRandom(seed);
    this.watch(engine.device);
    for (const width of WIDTHS) this.layers.set(width, [this.weights(width, 8), this.weights(8, OUT)]);
  }

  /** Counts at the device itself what is made and destroyed. */
  private watch(device: GPUDevice): void {
    const { counted } = this;
    const gone = (alive: { bytes: number }): void => {
      if (alive.bytes > 0) counted.buffers--;
      counted.bytes -= alive.bytes;
      alive.bytes = 0;
    };
    const collected = new FinalizationRegistry(gone);
    const buffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      const made = buffer(descriptor);
      const destroy = made.destroy.bind(made);
      const alive = { bytes: made.size };
      collected.register(made, alive);
      counted.buffers++;
      counted.bytes += made.size;
      made.destroy = () => {
        gone(alive);
        destroy();
      };
      return made;
    };
    const pipeline = device.createComputePipeline.bind(device);
    device.createComputePipeline = (descriptor) => {
      counted.pipelines++;
      return pipeline(descriptor);
    };
  }

  numbers(count: number): Float32Array {
    return Float32Array.from({ length: count }, () => this.random.gaussian());
  }

  private weights(rows: number, columns: number): Tensor {
    return this.engine.tensor(this.numbers(rows * columns), [rows, columns], { requiresGrad: true });
  }

  batch({ rows, width }: Shape): [Tensor, Tensor] {
    const x0 = this.numbers(rows * width);
    const x1 = x0.map((x) => x + 0.3 * this.random.gaussian());
    return [this.engine.tensor(x0, [rows, width]), this.engine.tensor(x1, [rows, width])];
  }

  parameters(): Record<string, Tensor> {
    return Object.fromEntries([...this.layers].flatMap(([width, both]) => both.map((w, i) => [`w${width}.${i}`, w])));
  }

  held(): Held {
    const { buffers, bytes, pooledBytes } = this.engine.memory();
    const { buffers: deviceBuffers, bytes: deviceBytes, pipelines } = this.counted;
    return { buffers, bytes, pooledBytes, deviceBuffers, deviceBytes, pipelines };
  }
}

/** What is trained by the engine's own ops: the step, and how it is called. */
function training(bench: Bench) {
  const optimizer = sgd(bench.parameters(), { learningRate: 0.01, momentum: 0.9 });
  const step = (x0: Tensor, x1: Tensor): Tensor => {
    const [first, second] = bench.layers.get(x0.shape[1])!;
    const loss = lossOf(encode(x0, first, second), encode(x1, first, second));
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    return loss;
  };
  return { optimizer, step };
}

/** Every step in a scope, as training loops are written. */
function eager(bench: Bench): Trainer {
  const { optimizer, step } = training(bench);
  return {
    step: (shape, read) => {
      const loss = bench.engine.scope(() => step(...bench.batch(shape)));
      const value = read ? loss.item() : undefined;
      loss.dispose();
      return value;
    },
    end: () => optimizer.dispose(),
  };
}

function recorded(bench: Bench): Trainer {
  const { optimizer, step } = training(bench);
  const replay = bench.engine.recorded(step);
  return {
    step: (shape, read) => {
      const batch = bench.batch(shape);
      const loss = replay(...batch);
      const value = read ? loss.item() : undefined;
      for (const tensor of [loss, ...batch]) tensor.dispose();
      return value;
    },
    end: () => {
      replay.dispose();
      optimizer.dispose();
    },
  };
}

/** Nothing is ever disposed: tensors are dropped, and what holds their memory must notice. */
function neverDispose(bench: Bench): Trainer {
  const { optimizer, step } = training(bench);
  return {
    step: (shape, read) => {
      const loss = step(...bench.batch(shape));
      return read ? loss.item() : undefined;
    },
    end: () => optimizer.dispose(),
  };
}

/** A host's buffers; plans are captured anew at every turn of a shape, encoded at every step and disposed after it. */
function planned(bench: Bench): Trainer {
  const { engine } = bench;
  const { device } = engine;
  const buffers = new Map<string, GPUBuffer>();
  const bufferOf = (name: string, count: number, values?: Float32Array): GPUBuffer => {
    const size = Math.ceil((4 * count) / 16) * 16;
    const known = buffers.get(name);
    const buffer = known ?? device.createBuffer({ size, usage: 128 | 4 | 8 }); // STORAGE | COPY_SRC | COPY_DST
    if (!known) buffers.set(name, buffer);
    if (values) device.queue.writeBuffer(buffer, 0, values.buffer, values.byteOffset, values.byteLength);
    return buffer;
  };
  const make = ({ rows, width }: Shape) => {
    const live = (shape: number[]) => ({ shape, requiresGrad: true });
    const inputs = { x0: [rows, width], x1: [rows, width], w0: live([width, 8]), w1: live([8, OUT]) };
    return engine.plan(inputs, ({ x0, x1, w0, w1 }) => {
      const loss = lossOf(encode(x0, w0, w1), encode(x1, w0, w1));
      loss.backward();
      return { loss, dw0: w0.grad!, dw1: w1.grad! };
    });
  };
  let plan: ReturnType<typeof make> | null = null;
  let turn = 0;
  return {
    step: (shape, read) => {
      plan ??= make(shape);
      const { rows, width } = shape;
      const x0 = bench.numbers(rows * width);
      const key = `${rows}x${width}`;
      const result = bufferOf('loss', 1);
      const encoder = device.createCommandEncoder();
      plan.encode(encoder, {
        x0: bufferOf(`x0 ${key}`, rows * width, x0),
        x1: bufferOf(
          `x1 ${key}`,
          rows * width,
          x0.map((x) => x + 0.3),
        ),
        w0: bufferOf(`w0 ${width}`, width * 8, bench.numbers(width * 8)),
        w1: bufferOf('w1', 8 * OUT, bench.numbers(8 * OUT)),
        loss: result,
        dw0: bufferOf(`dw0 ${width}`, width * 8),
        dw1: bufferOf('dw1', 8 * OUT),
      });
      device.queue.submit([encoder.finish()]);
      if (++turn % TURN === 0) {
        plan.dispose();
        plan = null;
      }
      if (!read) return undefined;
      const loss = engine.fromBuffer(result, [1]);
      const value = loss.item();
      loss.dispose();
      return value;
    },
    end: () => {
      for (const buffer of buffers.values()) buffer.destroy();
    },
  };
}

const TRAINERS: Readonly<Record<Mode, (bench: Bench) => Trainer>> = {
  eager,
  recorded,
  plan: planned,
  'never-dispose': neverDispose,
};

const collect = async (): Promise<void> => {
  // With turns between: what a finaliser lets go of is collected too, and so is what a marking under way has spared.
  for (let turn = 0; turn < 4; turn++) {
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
};

const megabytes = (bytes: number): number => Math.round(bytes / 1e3) / 1e3;

/**
 * What must be the same after each cycle. A plan that was encoded cannot know whether its commands will be submitted, so what
 * its buffers hold goes with the garbage collector.
 */
function alike(mode: Mode, { deviceBuffers, deviceBytes, ...held }: Held): string {
  return JSON.stringify(mode === 'plan' ? held : { ...held, deviceBuffers, deviceBytes });
}

function larger(a: Held, b: Held): Held {
  const keys = Object.keys(a) as (keyof Held)[];
  return Object.fromEntries(keys.map((key) => [key, Math.max(a[key], b[key])])) as unknown as Held;
}

/** @param folder where snapshots of the heap go; without one there are none */
export async function soak(mode: Mode, steps: number, seed: number, folder?: string): Promise<Seen> {
  const bench = new Bench(await createEngine({ tune: 'off' }), seed);
  const { engine, random } = bench;
  const shapes = Array.from({ length: SHAPES }, (_, i) => ({
    rows: 4 + 2 * i + Math.floor(2 * random.uniform()), // never two of one size
    width: WIDTHS[Math.floor(WIDTHS.length * random.uniform())],
  }));
  const trainer = TRAINERS[mode](bench);
  const started = performance.now();
  const samples: Sample[] = [];
  const losses: number[] = []; // the last ones
  const cycles = Math.max(4, Math.ceil(steps / CYCLE));
  // Few, and none where nothing is disposed: forced collections make a run look better than it is.
  const forced = mode !== 'never-dispose';
  const every = Math.max(1, Math.floor(cycles / SAMPLES));
  let first: Held | null = null;
  let most: [Held, Held] | null = null;
  let [unlike, example] = [0, ''];
  let [resident, ends] = [0, 0]; // summed up since the last sample
  let from = 0;
  const snapshots: string[] = [];
  const snapshot = async (name: string): Promise<void> => {
    if (!folder || !forced) return; // it collects too
    await collect(); // in a turn of its own: what a WeakRef was asked for or made of in this one would be kept
    snapshots.push(writeHeapSnapshot(join(folder, `${mode} ${name}.heapsnapshot`)));
  };
  for (let cycle = 0; cycle < cycles; cycle++) {
    for (let turn = 0; turn < CYCLE; turn++) {
      const shape = shapes[Math.floor(turn / TURN)];
      const read = (turn + 1) % (CYCLE / 2) === 0;
      const value = trainer.step(shape, read);
      if (!value) continue;
      losses.push(await value);
      if (losses.length > 8) losses.shift();
    }
    await engine.sync();
    if (cycle < 2) continue; // warms up: kernels, the pool
    const held = bench.held();
    first ??= held;
    most ??= [held, held];
    const half = 2 * cycle < cycles ? 0 : 1;
    most[half] = larger(most[half], held);
    if (alike(mode, held) !== alike(mode, first)) {
      unlike++;
      example ||= `cycle ${cycle}: ${JSON.stringify(held)}`;
    }
    resident += process.memoryUsage.rss();
    ends++;
    if (cycle % every > 0) continue;
    if (forced) await collect();
    const { heapUsed, rss } = process.memoryUsage();
    const at = { step: cycle * CYCLE, heap: megabytes(heapUsed), collected: megabytes(rss) };
    samples.push({ ...at, resident: megabytes(resident / ends) });
    [resident, ends] = [0, 0];
    if (from === 0 && cycle >= EARLY * cycles) {
      from = cycle * CYCLE;
      await snapshot('early');
    }
    process.stderr.write(`\r${mode}: step ${cycle * CYCLE} of ${cycles * CYCLE}  `);
  }
  process.stderr.write('\n');
  const last = bench.held();
  const seconds = (performance.now() - started) / 1e3;
  await snapshot('late');
  trainer.end();
  await collect();
  await collect();
  const { submits, launches } = engine;
  const seen: Seen = {
    adapter: engine.info.description,
    seconds,
    submits,
    launches,
    first: first!,
    last,
    cycles: cycles - 2,
    unlike,
    example,
    most: most!,
    after: bench.held(),
    samples,
    from,
    snapshots,
    losses,
  };
  engine.destroy();
  return seen;
}

if (process.argv[2] === '--mode') {
  const [mode, steps, seed, folder] = process.argv.slice(3);
  console.log(JSON.stringify(await soak(mode as Mode, Number(steps), Number(seed), folder)));
}
