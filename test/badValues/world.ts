import { createRandom, type Random } from '../../src/core/random.ts';
import type { Engine, Tensor } from '../../src/index.ts';

/** What right values are made of, and what is wrong everywhere: made once. */
export interface World {
  readonly engine: Engine;
  readonly random: Random;
  tensor(shape: readonly number[]): Tensor;
  leaf(shape: readonly number[]): Tensor;
  /** i32 */
  readonly integers: Tensor;
  readonly disposed: Tensor;
  /** What is made once, outside of every scope, and only looked at. */
  once<T extends object>(name: string, make: () => T): T;
  /** Of another engine. */
  readonly foreign: Tensor;
  dispose(): void;
}

export function makeWorld(engine: Engine, other: Engine): World {
  const made = new Map<string, Tensor>();
  const of = (shape: readonly number[], requiresGrad: boolean): Tensor => {
    const key = `${shape.join()} ${requiresGrad}`;
    const size = shape.reduce((a, b) => a * b, 1);
    const tensor =
      made.get(key) ??
      engine.unscoped(() =>
        engine.tensor(
          Float32Array.from({ length: size }, (_, i) => 1 + Math.sin(7 * i)),
          shape,
          { requiresGrad },
        ),
      );
    made.set(key, tensor);
    return tensor;
  };
  const kept = new Map<string, object>();
  const disposed = engine.tensor([1, 2, 3]);
  disposed.dispose();
  const integers = engine.tensor(Int32Array.of(0, 1, 0, 1), [2, 2]);
  return {
    engine,
    random: createRandom(1),
    tensor: (shape) => of(shape, false),
    leaf: (shape) => of(shape, true),
    integers,
    disposed,
    once<T extends object>(name: string, make: () => T): T {
      const one = (kept.get(name) as T | undefined) ?? engine.unscoped(make);
      kept.set(name, one);
      return one;
    },
    foreign: other.tensor([
      [1, 2],
      [3, 4],
    ]),
    dispose() {
      for (const tensor of [...made.values(), integers]) tensor.dispose();
      for (const one of kept.values()) {
        const { parameters, buffers, dispose } = one as { parameters?: object; buffers?: object; dispose?: () => void };
        for (const tensor of Object.values({ ...parameters, ...buffers }) as Tensor[]) tensor.dispose();
        dispose?.call(one);
      }
    },
  };
}

/** Values that nearly every argument refuses. Made anew for each use: a rejected Promise waits for nobody. */
export const BAD: Readonly<Record<string, (world: World) => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  NaN: () => Number.NaN,
  Infinity: () => Number.POSITIVE_INFINITY,
  '-Infinity': () => Number.NEGATIVE_INFINITY,
  '-1': () => -1,
  '-0.5': () => -0.5,
  '0': () => 0,
  '1': () => 1,
  '1.5': () => 1.5,
  '1e300': () => 1e300,
  '-1e300': () => -1e300,
  '1e39': () => 1e39,
  '1e30': () => 1e30,
  '1e-300': () => 1e-300,
  '1e-40': () => 1e-40,
  '2^31': () => 2 ** 31,
  '2^53': () => 2 ** 53,
  'the largest number': () => Number.MAX_VALUE,
  'an empty text': () => '',
  "'3'": () => '3',
  "'false'": () => 'false',
  "'yes'": () => 'yes',
  true: () => true,
  false: () => false,
  '1n': () => 1n,
  'a Symbol': () => Symbol('bad'),
  '{}': () => ({}),
  'an object without prototype': () => Object.create(null),
  'an object of nonsense': () => ({ constructor: { name: 5 }, nonsense: 1 }),
  '[]': () => [],
  '[1]': () => [1],
  "['3']": () => ['3'],
  'an array of holes': () => Object.assign([], { length: 3 }),
  'an array of 2^32 - 1 holes': () => Object.assign([], { length: 2 ** 32 - 1 }),
  'a Promise': () => Promise.resolve({}),
  'a rejected Promise': () => Promise.reject(new Error('nobody waits')),
  'a Map': () => new Map(),
  'a Set': () => new Set([1]),
  'a Date': () => new Date(0),
  'a RegExp': () => /x/,
  'an Error': () => new Error('bad'),
  'an instance': () =>
    new (class Settings {
      temperature = 1;
    })(),
  'a Number object': () => new Number(3),
  'a String object': () => new String('paper'),
  'a Boolean object': () => new Boolean(false),
  'an ArrayBuffer': () => new ArrayBuffer(8),
  'an Int32Array': () => Int32Array.of(5, -5, 5),
  'a Float32Array': () => Float32Array.of(0.5),
  'a Float64Array': () => Float64Array.of(0.5),
  'a function': () => () => {},
  'a class': () => class Settings {},
  Math: () => Math,
  'a Tensor': ({ tensor }) => tensor([7, 5]),
  'a Tensor of i32': ({ integers }) => integers,
  'a disposed Tensor': ({ disposed }) => disposed,
  "another engine's Tensor": ({ foreign }) => foreign,
};
