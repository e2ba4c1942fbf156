// The GPU's part of `npm run faults`, in a process of its own: devices are lost, memory runs out, submits are refused and
// kernels do not compile at every place of a small training run. The last line that it prints is a list of rows as JSON.
// Everything is seen from outside: what the WebGPU device below does is changed, what the public calls then say is judged.
import { openAdapter } from '#platform';
import type { Engine, Tensor } from '../../src/index.ts';
import { createEngine, DeviceLostError, GramianError, matmul, ntXent, relu, similarity } from '../../src/index.ts';
import { sgd } from '../../src/optim/index.ts';

export interface FaultRow {
  readonly what: string;
  readonly trials: number;
  readonly right: number;
  /** What was wrong, the first few. */
  readonly wrong: readonly string[];
}

type Trial = () => Promise<string | null>;

const stray: string[] = [];
process.on('unhandledRejection', (error) => void stray.push(String((error as Error)?.message ?? error)));

/** Runs trials, each of which says what was wrong. */
async function row(what: string, trials: readonly Trial[]): Promise<FaultRow> {
  const wrong: string[] = [];
  let right = 0;
  for (const trial of trials) {
    const before = stray.length;
    let complaint: string | null;
    try {
      complaint = await trial();
    } catch (error) {
      complaint = `the trial itself failed: ${(error as Error).stack}`;
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (!complaint && stray.length > before) complaint = `an unhandled rejection: ${stray.at(-1)}`;
    if (complaint) wrong.push(complaint);
    else right++;
  }
  process.stderr.write(`${what}: ${right} of ${trials.length}\n`);
  return { what, trials: trials.length, right, wrong: wrong.slice(0, 5) };
}

const numbers = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(1.7 * i + seed) + Math.cos(0.3 * i * seed));

const input = (engine: Engine, seed: number, requiresGrad = false): Tensor =>
  engine.tensor(numbers(48, seed), [8, 6], { requiresGrad });

// What the GPU itself says ends as it likes.
const sentence = (message: string): boolean => /^[\w -]+: [^\n]{1,600}$/.test(message);

/** What came of a call: numbers, or the error that it threw. */
type Came = { readonly values: readonly number[] } | { readonly error: Error };

async function came(call: () => unknown): Promise<Came> {
  try {
    const value = await call();
    return { values: typeof value === 'number' ? [value] : value instanceof Float32Array ? [...value] : [] };
  } catch (error) {
    return { error: error as Error };
  }
}

// Lost devices -----------------------------------------------------------------------------------------------------

/** Each loses the device somewhere in the middle of something and must end with DeviceLostError. */
const MOMENTS: Readonly<Record<string, (engine: Engine, lose: () => void) => unknown>> = {
  upload: (engine, lose) => {
    const x = input(engine, 1);
    lose();
    input(engine, 2);
    return x.data();
  },
  'write()': (engine, lose) => {
    const x = input(engine, 1);
    lose();
    x.write(numbers(48, 2));
    return x.data();
  },
  forward: (engine, lose) => {
    const h = relu(input(engine, 1));
    lose();
    return matmul(h, engine.tensor(numbers(12, 2), [6, 2])).data();
  },
  'between forward and backward': (engine, lose) => {
    const z = input(engine, 1, true);
    const loss = ntXent(z, input(engine, 2));
    lose();
    loss.backward();
    return z.grad!.data();
  },
  'after backward': (engine, lose) => {
    const z = input(engine, 1, true);
    ntXent(z, input(engine, 2)).backward();
    lose();
    return z.grad!.data();
  },
  "an optimiser's step": (engine, lose) => {
    const z = input(engine, 1, true);
    const optimizer = sgd({ z }, { learningRate: 0.1 });
    ntXent(z, input(engine, 2)).backward();
    lose();
    optimizer.step();
    return z.data();
  },
  'before a read': (engine, lose) => {
    const loss = ntXent(input(engine, 1), input(engine, 2));
    lose();
    return loss.item();
  },
  'during a read': (engine, lose) => {
    const read = ntXent(input(engine, 1), input(engine, 2)).item();
    lose();
    return read;
  },
  'during eight reads': (engine, lose) => {
    const x = input(engine, 1);
    const reads = Array.from({ length: 8 }, (_, k) =>
      relu(x)
        .data()
        .then((v) => v[k]),
    );
    lose();
    return Promise.all(reads);
  },
  'during sync()': (engine, lose) => {
    ntXent(input(engine, 1), input(engine, 2));
    const done = engine.sync();
    lose();
    return done;
  },
  'a plan recorded': (engine, lose) => {
    lose();
    engine.plan({ x: [8, 6] }, ({ x }) => ({ y: relu(x) }));
    return input(engine, 1).data(); // on a guest's device the loss shows where something is read
  },
  'a plan encoded': (engine, lose) => {
    const plan = engine.plan({ x: [8, 6] }, ({ x }) => ({ y: relu(x) }));
    const buffer = (): GPUBuffer => engine.device.createBuffer({ size: 192, usage: 128 | 4 | 8 });
    const [x, y] = [buffer(), buffer()];
    const encoder = engine.device.createCommandEncoder();
    lose();
    plan.encode(encoder, { x, y });
    engine.device.queue.submit([encoder.finish()]);
    return engine.fromBuffer(y, [48]).data();
  },
  'between encode() and submit()': (engine, lose) => {
    const plan = engine.plan({ x: [8, 6] }, ({ x }) => ({ y: relu(x) }));
    const buffer = (): GPUBuffer => engine.device.createBuffer({ size: 192, usage: 128 | 4 | 8 });
    const [x, y] = [buffer(), buffer()];
    const encoder = engine.device.createCommandEncoder();
    plan.encode(encoder, { x, y });
    lose();
    engine.device.queue.submit([encoder.finish()]);
    return engine.fromBuffer(y, [48]).data();
  },
  'a recorded step, its first call': (engine, lose) => {
    const x = input(engine, 1);
    const step = engine.recorded((z: Tensor) => relu(z));
    lose();
    return step(x).data();
  },
  'inside of a recorded function': (engine, lose) => {
    const step = engine.recorded((z: Tensor) => {
      lose();
      return relu(z);
    });
    return step(input(engine, 1)).data();
  },
  'a recorded step, replayed': (engine, lose) => {
    const x = input(engine, 1);
    const step = engine.recorded((z: Tensor) => relu(z));
    for (let k = 0; k < 3; k++) step(x);
    lose();
    return step(x).data();
  },
  'tune()': (engine, lose) => {
    const [z0, z1] = [input(engine, 1), input(engine, 2)];
    const tuned = engine.tune([() => ntXent(z0, z1)], { budget: 2, onMeasured: lose });
    setTimeout(lose, 200); // where nothing is measured
    return tuned.then(() => ntXent(z0, z1).item());
  },
  'prepare()': (engine, lose) => {
    const z = input(engine, 1);
    lose();
    engine.prepare([() => ntXent(z, z)]);
    return ntXent(z, z).item();
  },
  'inside of a scope': (engine, lose) =>
    engine
      .scope(() => {
        const y = relu(input(engine, 1));
        lose();
        return relu(y);
      })
      .data(),
  'inside of noGrad()': (engine, lose) =>
    engine
      .noGrad(() => {
        const y = relu(input(engine, 1));
        lose();
        return relu(y);
      })
      .data(),
  'while kernels compile': (engine, lose) => {
    const similar = similarity(input(engine, 1), undefined, { metric: 'sqeuclidean' });
    lose();
    return similar.data();
  },
};

async function host(): Promise<GPUDevice> {
  return (await openAdapter({ adapter: 'auto' })).adapter.requestDevice();
}

function lost(moment: (engine: Engine, lose: () => void) => unknown, foreign: boolean, late: boolean): Trial {
  return async () => {
    const device = foreign ? await host() : undefined;
    const engine = await createEngine({ tune: 'off', ...(device ? { device } : {}) });
    const kept = relu(input(engine, 3));
    if (late) await kept.data(); // the queue has been used before
    const lose = (): void => (device ?? engine.device).destroy();
    const first = await came(() => moment(engine, lose));
    if (!('error' in first))
      return `came to an end as if nothing had happened${first.values.length ? ', with numbers' : ''}`;
    if (!(first.error instanceof DeviceLostError)) return `${first.error.name}: ${first.error.message}`;
    if (!sentence(first.error.message)) return `no sentence: ${first.error.message}`;
    for (const [what, call] of [
      ['an older tensor read', () => kept.data()],
      ['an op', () => relu(kept)],
      ['an upload', () => input(engine, 1)],
      ['sync()', () => engine.sync()],
    ] as const) {
      const after = await came(call);
      if (!('error' in after)) return `${what} afterwards works`;
      if (!(after.error instanceof DeviceLostError)) return `${what} afterwards: ${after.error.message}`;
    }
    engine.destroy();
    const again = await createEngine({ tune: 'off' });
    const value = await relu(again.tensor([-1, 2])).data();
    again.destroy();
    return value[0] === 0 && value[1] === 2 ? null : `a new engine gives ${value}`;
  };
}

// Faults at every place of a training run --------------------------------------------------------------------------

/** What a run left: tensors by name, or the error that ended it. */
interface RunOutcome {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly ended: Error | null;
}

/** Three training steps with a read among them; `pause` is where control goes back to the event loop. */
async function training(engine: Engine, seed: number): Promise<RunOutcome> {
  const tensors: Record<string, Tensor> = {};
  try {
    const weight = engine.tensor(numbers(30, seed), [6, 5], { requiresGrad: true });
    const optimizer = sgd({ weight }, { learningRate: 0.1, momentum: 0.9 });
    for (let step = 0; step < 3; step++) {
      const rows = 8 + step; // other sizes, other buffers
      const view = (k: number): Tensor => engine.tensor(numbers(rows * 6, seed + k), [rows, 6]);
      const [x0, x1] = [view(10 * step), view(10 * step + 5)];
      const loss = ntXent(matmul(x0, weight), matmul(x1, weight));
      tensors[`loss ${step}`] = loss;
      tensors[`x0 ${step}`] = x0;
      loss.backward();
      optimizer.step();
      const grad = weight.grad!;
      weight.grad = null;
      tensors[`gradient ${step}`] = grad;
      if (step === 1) await new Promise((resolve) => setTimeout(resolve, 0));
      tensors[`weight after ${step}`] = relu(weight);
    }
    return { tensors, ended: null };
  } catch (error) {
    return { tensors, ended: error as Error };
  }
}

type Bits = Readonly<Record<string, readonly number[]>>;

/** Arms a fault on a device below an engine, at its k-th opportunity; says how many there were. */
type Fault = (device: GPUDevice, k: number) => { seen: () => number; disarm: () => void };

const never = Number.MAX_SAFE_INTEGER;

/** Buffers that the GPU has no room for: `times` in turn, from the k-th on. */
const noRoom =
  (times: number): Fault =>
  (device, k) => {
    const [create, pop] = [device.createBuffer, device.popErrorScope];
    let seen = 0;
    let failing = false;
    device.createBuffer = function (this: GPUDevice, descriptor: GPUBufferDescriptor) {
      const buffer = create.call(device, descriptor);
      // The storage of tensors: 16 bytes for a constant, mapped as they are made, always find room.
      if ((descriptor.usage & 132) !== 132) return buffer;
      failing = seen >= k && seen < k + times;
      seen++;
      if (failing) buffer.destroy(); // as invalid as one without memory
      return buffer;
    } as typeof device.createBuffer;
    device.popErrorScope = function (this: GPUDevice) {
      const popped = pop.call(device);
      if (!failing) return popped;
      failing = false;
      return popped.then(() => ({ message: 'no memory left' }) as GPUError);
    } as typeof device.popErrorScope;
    return { seen: () => seen, disarm: () => Object.assign(device, { createBuffer: create, popErrorScope: pop }) };
  };

/** The k-th submit of kernels is refused, with all that it holds. */
const refused: Fault = (device, k) => {
  const { queue } = device;
  const submit = queue.submit;
  let seen = 0;
  queue.submit = function (this: GPUQueue, commands: Iterable<GPUCommandBuffer>) {
    const list = [...commands];
    if (seen++ !== k) return submit.call(queue, list);
    const gone = device.createBuffer({ size: 256, usage: 4 | 8 });
    const encoder = device.createCommandEncoder();
    encoder.clearBuffer(gone);
    gone.destroy();
    return submit.call(queue, [...list, encoder.finish()]);
  } as typeof queue.submit;
  return { seen: () => seen, disarm: () => Object.assign(queue, { submit }) };
};

/** The k-th kernel does not compile. */
const broken: Fault = (device, k) => {
  const create = device.createShaderModule;
  let seen = 0;
  device.createShaderModule = function (this: GPUDevice, descriptor: GPUShaderModuleDescriptor) {
    const code = seen++ === k ? `${descriptor.code}\nfn broken() -> u32 { return 1.5; }` : descriptor.code;
    return create.call(device, { ...descriptor, code });
  } as typeof device.createShaderModule;
  return { seen: () => seen, disarm: () => Object.assign(device, { createShaderModule: create }) };
};

const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((x, i) => Object.is(x, b[i]));

/**
 * Each tensor of a run under a fault is what a sound run gives, bit for bit, or throws one sentence at every read; where the
 * fault struck, something throws; and what is computed afterwards is right.
 * @param heals the engine itself must overcome it
 */
async function judge(
  engine: Engine,
  run: RunOutcome,
  sound: Bits,
  fresh: () => Promise<RunOutcome>,
  heals: boolean,
): Promise<string | null> {
  let threw = run.ended !== null;
  if (run.ended && !(run.ended instanceof GramianError && sentence(run.ended.message)))
    return `the run ended with ${run.ended.stack}`;
  for (const [name, tensor] of Object.entries(run.tensors)) {
    const reads = [
      await came(() => tensor.data()),
      await came(() => tensor.data()),
      await came(() => relu(tensor).data()),
    ];
    const [first, second, through] = reads;
    if ('values' in first) {
      if (!same(first.values, sound[name]))
        return `${name} is ${first.values.slice(0, 3)}, expected ${sound[name].slice(0, 3)} or an error`;
      if (!('values' in second) || !same(first.values, second.values)) return `${name} reads otherwise the second time`;
      continue;
    }
    threw = true;
    if (!(first.error instanceof GramianError && sentence(first.error.message)))
      return `${name}: no sentence: ${first.error.stack}`;
    if ('values' in second) return `${name} throws once, then reads ${second.values.slice(0, 3)}`;
    if (second.error.message !== first.error.message)
      return `${name} throws "${first.error.message}", then "${second.error.message}"`;
    if ('values' in through) return `${name} throws, an op on it gives ${through.values.slice(0, 3)}`;
  }
  if (heals && threw) return `not overcome: ${run.ended?.message ?? 'a read throws'}`;
  if (!heals && !threw) return 'nothing throws';
  await engine.sync().catch(() => {}); // says what nobody was told yet
  const after = await fresh();
  if (after.ended) return `fresh work throws: ${after.ended.message}`;
  for (const [name, tensor] of Object.entries(after.tensors)) {
    const value = await came(() => tensor.data());
    if (!('values' in value)) return `fresh work: ${name}: ${value.error.message}`;
    if (!same(value.values, sound[name]))
      return `fresh work: ${name} is ${value.values.slice(0, 3)}, expected ${sound[name].slice(0, 3)}`;
  }
  return null;
}

async function everyPlace(what: string, fault: Fault, heals = false): Promise<FaultRow> {
  const seed = 3;
  const sound: Record<string, readonly number[]> = {};
  const whole = await createEngine({ tune: 'off' });
  const counting = fault(whole.device, never);
  for (const [name, tensor] of Object.entries((await training(whole, seed)).tensors))
    sound[name] = [...(await tensor.data())];
  const places = counting.seen();
  whole.destroy();
  const trials = Array.from(
    { length: places },
    (_, k): Trial =>
      async () => {
        const engine = await createEngine({ tune: 'off' });
        const armed = fault(engine.device, k);
        const run = await training(engine, seed);
        await new Promise((resolve) => setTimeout(resolve, 0));
        const struck = armed.seen() > k;
        armed.disarm();
        const complaint = struck ? await judge(engine, run, sound, () => training(engine, seed), heals) : null;
        engine.destroy();
        return complaint && `at ${k + 1} of ${places}: ${complaint}`;
      },
  );
  return row(what, trials);
}

// One by one -------------------------------------------------------------------------------------------------------

/** The buffer behind a tensor is destroyed by its owner: what was to be computed from it is no number. */
function destroyedBuffer(depth: number): Trial {
  return async () => {
    const engine = await createEngine({ tune: 'off' });
    const buffer = engine.device.createBuffer({ size: 256, usage: 128 | 4 | 8 });
    const x = engine.fromBuffer(buffer, [8]);
    const older = relu(x);
    const before = await older.data();
    buffer.destroy();
    let y = relu(x);
    for (let k = 0; k < depth; k++) y = relu(y);
    const messages = new Set<string>();
    for (let k = 0; k < 3; k++) {
      const read = await came(() => y.data());
      if ('values' in read) return `read ${k} gives ${read.values.slice(0, 3)}`;
      if (!(read.error instanceof GramianError && sentence(read.error.message)))
        return `no sentence: ${read.error.stack}`;
      messages.add(read.error.message);
    }
    if (messages.size > 1) return `not the first cause each time: ${[...messages].join(' / ')}`;
    const still = await came(() => older.data());
    if (!('values' in still && same(still.values, [...before]))) return 'an older result is lost';
    const fresh = await came(() => relu(engine.tensor([-1, 2])).data());
    engine.destroy();
    return 'values' in fresh && same(fresh.values, [0, 2]) ? null : 'fresh work is wrong';
  };
}

/** With `check: true`, NaN in an input spoils what is computed from it, for ever, and nothing else. */
function failedCheck(value: number): Trial {
  return async () => {
    const engine = await createEngine({ tune: 'off', check: true });
    const bad = engine.tensor(numbers(48, 1).fill(value, 7, 8), [8, 6], { requiresGrad: true });
    const loss = ntXent(bad, input(engine, 2));
    for (let k = 0; k < 3; k++) {
      const read = await came(() => loss.item());
      if ('values' in read) return `read ${k} gives ${read.values}`;
      if (!sentence(read.error.message)) return `no sentence: ${read.error.message}`;
    }
    const fresh = await came(() => ntXent(input(engine, 1), input(engine, 2)).item());
    engine.destroy();
    return 'values' in fresh && Number.isFinite(fresh.values[0]) ? null : 'fresh work throws';
  };
}

/** More than a buffer may hold, or an adapter binds: said before anything is allocated. */
function beyondLimits(rows: number): Trial {
  return async () => {
    const engine = await createEngine({ tune: 'off', device: await host() }); // WebGPU's default limits: 128 and 256 MiB
    const before = engine.memory();
    const x = engine.tensor(new Float32Array(rows), [rows, 1]);
    const result = await came(() => similarity(x).data());
    x.dispose();
    const after = engine.memory();
    const fresh = await came(() => relu(engine.tensor([-1, 2])).data());
    engine.destroy();
    if ('values' in result) return 'gives numbers';
    if (!(result.error instanceof GramianError && sentence(result.error.message)))
      return `no sentence: ${result.error.stack}`;
    if (after.bytes !== before.bytes) return `${after.bytes - before.bytes} bytes are still held`;
    return 'values' in fresh && same(fresh.values, [0, 2]) ? null : 'fresh work is wrong';
  };
}

const times = (count: number, trial: (k: number) => Trial): Trial[] =>
  Array.from({ length: count }, (_, k) => trial(k));

const [repeats] = process.argv.slice(2).map(Number);
const rows: FaultRow[] = [];
for (const [moment, fault] of Object.entries(MOMENTS))
  rows.push(
    await row(
      `device lost: ${moment}`,
      [false, true].flatMap((foreign) => times(repeats, (k) => lost(fault, foreign, k % 2 === 1))),
    ),
  );
rows.push(await everyPlace('a buffer without room, the second try has it', noRoom(1), true));
rows.push(await everyPlace('a buffer without room, again and again', noRoom(never)));
rows.push(
  await row(
    'more than the device makes or binds',
    times(2 * repeats, (k) => beyondLimits(6000 + 2500 * k)),
  ),
);
rows.push(await everyPlace('a submit that the GPU refuses', refused));
rows.push(await everyPlace('a kernel that does not compile', broken));
rows.push(
  await row(
    "a guest's buffer destroyed by its owner",
    times(2 * repeats, (k) => destroyedBuffer(3 * k)),
  ),
);
const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
rows.push(
  await row(
    'a check that fails',
    times(3 * repeats, (k) => failedCheck(bad[k % 3])),
  ),
);
console.log(JSON.stringify(rows));
