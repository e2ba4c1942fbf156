import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as jax from '../../src/adapters/jax.ts';
import * as ort from '../../src/adapters/ort.ts';
import * as tfjs from '../../src/adapters/tfjs.ts';
import * as typegpu from '../../src/adapters/typegpu.ts';
import * as data from '../../src/data/index.ts';
import { dryRun } from '../../src/engine/dryRun.ts';
import * as evaluation from '../../src/eval/index.ts';
import type { KernelSource } from '../../src/gpu/kernel.ts';
import * as root from '../../src/index.ts';
import { createEngine, GramianError, Tensor } from '../../src/index.ts';
import * as kernels from '../../src/kernels/index.ts';
import * as methods from '../../src/methods/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';
import * as testing from '../../src/testing/index.ts';
import { sharedEngine } from '../engine.ts';
import { JAX, ORT, TFJS, TYPEGPU } from './adapters.ts';
import { ENGINE, MADE_TOO, TENSOR } from './engine.ts';
import { DATA, EVAL } from './files.ts';
import { type Kind, Later } from './kinds.ts';
import { NN } from './nn.ts';
import { ERRORS, MADE_OF_ROOT, ROOT } from './root.ts';
import type { Signature, Signatures } from './signatures.ts';
import { MADE, METHODS, OPTIM } from './systems.ts';
import { KERNELS, TESTING } from './testing.ts';
import { BAD, makeWorld, type World } from './world.ts';

// Every export x every value that is wrong somewhere: a sentence that names the op and the argument, never a number and
// never an error of the runtime's. One row of its arguments an export; what a row does not accept must be refused.

const SUBPATHS: Readonly<Record<string, { exports: Readonly<Record<string, unknown>>; rows: Signatures }>> = {
  '.': { exports: root, rows: ROOT },
  './data': { exports: data, rows: DATA },
  './eval': { exports: evaluation, rows: EVAL },
  './jax': { exports: jax, rows: JAX },
  './kernels': { exports: kernels, rows: KERNELS },
  './methods': { exports: methods, rows: METHODS },
  './nn': { exports: nn, rows: NN },
  './optim': { exports: optim, rows: OPTIM },
  './ort': { exports: ort, rows: ORT },
  './testing': { exports: testing, rows: TESTING },
  './tfjs': { exports: tfjs, rows: TFJS },
  './typegpu': { exports: typegpu, rows: TYPEGPU },
};

let world: World;
const unheard: unknown[] = [];
const hear = (reason: unknown) => void unheard.push(reason);

beforeAll(async () => {
  const other = await createEngine();
  world = makeWorld(await sharedEngine(), other);
  process.on('unhandledRejection', hear);
  return async () => {
    process.off('unhandledRejection', hear);
    world.dispose();
    other.destroy();
    await world.engine.sync();
  };
});

type Callable = (...given: readonly unknown[]) => unknown;

/** Where a value stands: an argument, or a member of one. */
interface Place {
  readonly path: readonly string[];
  readonly kind: Kind;
}

function* placesOf(args: Readonly<Record<string, Kind>>, above: readonly string[] = []): Generator<Place> {
  for (const [name, kind] of Object.entries(args)) {
    const path = [...above, name];
    yield { path, kind };
    if (kind.members) yield* placesOf(kind.members, path);
  }
}

/** Right arguments but for `value` at `path`. */
function argumentsWith(args: Signature['args'], [first, ...rest]: readonly string[], value: unknown): unknown[] {
  return Object.entries(args).map(([name, kind]) => (name === first ? put(kind, rest, value) : kind.good(world)));
}

function put(kind: Kind, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const whole = (kind.good(world) ?? {}) as Record<string, unknown>;
  return { ...whole, [key]: put((kind.members as Record<string, Kind>)[key], rest, value) };
}

/** A rejection that is not used is heard here. */
function quiet(value: unknown): unknown {
  if (value instanceof Promise) value.catch(() => {});
  return value;
}

/** What is wrong with how a call ended; null where it is refused as it should be. */
function judge(thrown: unknown, op: string, names: readonly string[], value: unknown): string | null {
  if (thrown === undefined) return 'no error';
  if (!(thrown instanceof GramianError)) return `${thrown}`.slice(0, 200);
  const { message } = thrown;
  if (/\n/.test(message) || !/[.?]$/.test(message)) return `no sentence: ${message}`;
  if (op === 'any' ? !/^[\w.]+: /.test(message) : !message.startsWith(`${op}: `))
    return `does not begin with ${op}: ${message}`;
  const said = names.some((name) =>
    new RegExp(`(^|\\W)${name.replace(/[.*+?^$()[\]{}|\\]/g, '\\$&')}(\\W|$)`).test(message),
  );
  if (!said && op !== 'any') return `names none of ${names.join(', ')}: ${message}`;
  return value === undefined && !/missing/.test(message) ? `does not say that it is missing: ${message}` : null;
}

/** Calls it with every wrong value at every place, and gathers what is not refused as it should be. */
async function misuse(
  name: string,
  { args, op = name, call, made }: Signature,
  own: unknown,
): Promise<[count: number, wrong: string[]]> {
  const run = call ?? ((_: World, given: readonly unknown[]) => (own as Callable)(...given));
  const wrong: string[] = [];
  let count = 0;
  const { engine } = world;
  for (const { path, kind } of placesOf(args)) {
    const names = [path.at(-1) as string, ...(kind.says ?? [])];
    // The only tensor of a call may live on any engine.
    const alone =
      path.length === 1 && Object.values(args).filter((one) => one.good(world) instanceof Tensor).length === 1;
    const values = [
      ...Object.entries(BAD).filter(([, make]) => !kind.accepts(quiet(make(world)), world)),
      ...Object.entries(kind.bad?.(world) ?? {}).map(
        ([said, value]) => [said, () => (value instanceof Later ? value.make() : value)] as const,
      ),
    ] as const;
    for (const [said, make] of values) {
      if (alone && kind.good(world) instanceof Tensor && quiet(make(world)) === world.foreign) continue;
      count++;
      const before = engine.launches;
      const value = quiet(make(world));
      let thrown: unknown;
      let launched = 0;
      try {
        let pending: unknown;
        engine.scope(() => {
          try {
            pending = run(world, argumentsWith(args, path, value));
          } finally {
            launched = engine.launches - before;
          }
          quiet(pending);
        });
        await pending;
      } catch (error) {
        thrown = error;
      }
      const judged = judge(thrown, op, names, value);
      if (judged) wrong.push(`${name}: ${path.join('.')} = ${said}: ${judged}`);
      else if (launched > 0 && !made) wrong.push(`${name}: ${path.join('.')} = ${said}: launched ${launched} kernels`);
    }
  }
  return [count, wrong];
}

const rows = (table: Signatures, own: Readonly<Record<string, unknown>> = {}) =>
  Object.entries(table).map(([name, signature]) => [name, signature, own[name]] as const);

let combinations = 0;
async function check(name: string, signature: Signature, own: unknown): Promise<void> {
  const [count, wrong] = await misuse(name, signature, own);
  combinations += count;
  await new Promise((resolve) => setImmediate(resolve)); // a Promise that nobody hears is told of by now
  wrong.push(...unheard.splice(0).map((reason) => `${name}: a rejection that nobody hears: ${reason}`));
  expect(wrong).toEqual([]);
  if (signature.heavy || !signature.call === (typeof own !== 'function')) return;
  // What is right passes: in a dry run, so that no kernel is compiled for it. And what it launched is submitted by then where
  // the device is shared: whose it is may write into its buffers as soon as the call has returned.
  const { engine } = world;
  const { opEnded } = engine;
  let open = '';
  engine.opEnded = () => {
    open = '';
  };
  let pending: unknown;
  try {
    const launch = ({ name }: KernelSource) => {
      open = name;
    };
    dryRun(
      engine,
      () => {
        const given = Object.values(signature.args).map((kind) => kind.good(world));
        open = ''; // what they are made of
        pending = quiet(signature.call ? signature.call(world, given) : (own as Callable)(...given));
      },
      { launch },
    );
    expect(open, 'launched and not submitted on a shared device').toBe('');
  } finally {
    engine.opEnded = opEnded;
  }
  await pending;
}

describe.each(Object.entries(SUBPATHS))('gramian%s', (_, { exports, rows: table }) => {
  test('every export has a row', () => {
    const wanted = Object.keys(exports).filter((name) => !ERRORS.includes(name));
    expect(Object.keys(table).sort()).toEqual(wanted.sort());
  });
  test.each(rows(table, exports))('%s', check);
});

describe('an engine, a tensor', () => {
  /** The public methods of a class, by its source: those that its comments do not call internal. */
  function publicMethods(file: string): string[] {
    const text = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8');
    const found = text.matchAll(
      /((?:^ {2}\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?)^ {2}(?:async )?(\w+)(?:<[^(\n]*>)?\((?![^\n]*;$)/gm,
    );
    const ours = [...found].filter(([, comment, name]) => !comment.includes('@internal') && name !== 'constructor');
    return [...new Set(ours.map(([, , name]) => name))];
  }
  test('every public method has a row', () => {
    expect([...publicMethods('core/context.ts'), ...publicMethods('engine/engine.ts')].sort()).toEqual(
      Object.keys(ENGINE).sort(),
    );
    expect(publicMethods('core/tensor.ts').sort()).toEqual(Object.keys(TENSOR).sort());
  });
  test.each(rows(ENGINE))('engine.%s', check);
  test.each(rows(TENSOR))('tensor.%s', check);
});

describe('what exports make', () => {
  const all = Object.entries({ ...MADE, ...MADE_TOO, ...MADE_OF_ROOT }).map(([name, row]) => [
    name,
    { ...row, made: true },
  ]);
  test.each(rows(Object.fromEntries(all)))('%s', check);
});

test('the sub-paths are those of the package', () => {
  const { exports } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(
    Object.keys(exports)
      .filter((path) => !path.endsWith('.json'))
      .sort(),
  ).toEqual(Object.keys(SUBPATHS).sort());
});

test('options of another realm and without a prototype are as good', () => {
  const { ntXent } = root;
  const [z0, z1] = [world.tensor([4, 3]), world.tensor([4, 3])];
  const foreign = runInNewContext('({ temperature: 0.25 })');
  const bare = Object.assign(Object.create(null), { temperature: 0.25 });
  for (const options of [foreign, bare, { temperature: 0.25 }, { temperature: undefined }, {}])
    dryRun(world.engine, () => ntXent(z0, z1, options));
});

afterAll(() => {
  console.info(`${combinations} calls with one wrong value`);
});
