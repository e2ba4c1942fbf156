import { Tensor } from '../../src/index.ts';
import type { World } from './world.ts';

/** What an argument, or a member of an options object, may be. */
export interface Kind {
  /** A value that is right. */
  readonly good: (world: World) => unknown;
  /** Whether a value of the list of bad ones is right here. */
  readonly accepts: (value: unknown, world: World) => boolean;
  /** Further values that are wrong here. */
  readonly bad?: (world: World) => Readonly<Record<string, unknown>>;
  /** Of an object of named members; those that are left out of the right value have a default. */
  readonly members?: Readonly<Record<string, Kind>>;
  /** Words of which a sentence about it has at least one, beside its name. */
  readonly says?: readonly string[];
}

/** A value that is made when it is used: a rejected Promise must not wait for that. */
export class Later {
  readonly make: () => unknown;
  constructor(make: () => unknown) {
    this.make = make;
  }
}

const always = (value: unknown) => () => value;
const none = () => false;

const orNothing =
  (kind: Kind): Kind['accepts'] =>
  (value, world) =>
    value === undefined || kind.accepts(value, world);

/** May be left out. */
export const optional = (kind: Kind): Kind => ({ ...kind, good: always(undefined), accepts: orNothing(kind) });

/** With more wrong values. */
export const but = (kind: Kind, bad: NonNullable<Kind['bad']>): Kind => ({
  ...kind,
  bad: (world) => ({ ...kind.bad?.(world), ...bad(world) }),
});

/** May be null. */
export const nullable = (kind: Kind): Kind => ({
  ...kind,
  accepts: (value, world) => value === null || kind.accepts(value, world),
});

const usable = (value: unknown, { engine }: World): value is Tensor =>
  value instanceof Tensor && value.engine === engine && !value.disposed && value.dtype === 'f32';

/** A Tensor of that shape; `wrong` shapes are refused. */
export const tensor = (shape: readonly number[], ...wrong: readonly (readonly number[])[]): Kind => ({
  good: (world) => world.tensor(shape),
  accepts: usable,
  bad: (world) => Object.fromEntries(wrong.map((other) => [`a Tensor [${other.join()}]`, world.tensor(other)])),
});

/** A leaf with `requiresGrad`. */
export const leaf = (shape: readonly number[]): Kind => ({ ...tensor(shape), good: (world) => world.leaf(shape) });

export const matrix = (rows: number, columns: number, ...wrong: readonly (readonly number[])[]): Kind =>
  tensor([rows, columns], [rows], [rows, columns, 1, 1], ...wrong);

/** Rows whose leading dimensions count as one: any number of them, but one at least. */
export const rowsOf = (rows: number, columns: number, ...wrong: readonly (readonly number[])[]): Kind =>
  tensor([rows, columns], [rows], [], ...wrong);

/** A matrix of the other side's shape. */
export const partner = (rows: number, columns: number): Kind => matrix(rows, columns, [rows + 1, columns], [rows, 1]);

export const tensors = (count: number, shape: readonly number[], ...wrong: readonly (readonly number[])[]): Kind => ({
  good: (world) => Array.from({ length: count }, () => world.tensor(shape)),
  accepts: none,
  bad: (world) => {
    const own = world.tensor(shape);
    const rest = Array.from({ length: count - 1 }, () => own);
    const sparse = [...rest, own];
    delete sparse[count - 1];
    return {
      'an array with a hole': sparse,
      'an array with a disposed Tensor': [...rest, world.disposed],
      "an array with another engine's Tensor": [...rest, world.foreign],
      'an array with a number': [...rest, 3],
      'an array with null': [...rest, null],
      'an array of i32': [...rest, world.integers],
      ...Object.fromEntries(wrong.map((other) => [`an array with [${other.join()}]`, [...rest, world.tensor(other)]])),
    };
  },
});

interface Range {
  readonly low?: number;
  readonly high?: number;
  /** The low end itself is out. */
  readonly above?: boolean;
  /** The high end itself is out. */
  readonly below?: boolean;
}

const inside = (value: unknown, { low = -3.4e38, high = 3.4e38, above = false, below = false }: Range): boolean =>
  typeof value === 'number' &&
  (above ? value > low : value >= low) &&
  (below ? value < high : value <= high) &&
  !(above && low === 0 && value < 2 ** -126); // not in f32

export const number = (good: number, range: Range = {}): Kind => ({
  good: always(good),
  accepts: (value) => inside(value, range),
});

export const integer = (good: number, low: number, high: number): Kind => ({
  good: always(good),
  accepts: (value) => Number.isInteger(value) && inside(value, { low, high }),
  bad: () => ({
    'one too low': low - 1,
    'one too high': high + 1,
    'half a one': good + 0.5,
  }),
});

export const positive = (good: number, high = 3.4e38): Kind => number(good, { low: 0, above: true, high });
export const fromZero = (good: number, high = 3.4e38): Kind => number(good, { low: 0, high });
export const share = (good: number): Kind => number(good, { low: 0, high: 1 });
export const fraction = (good: number): Kind => number(good, { low: 0, high: 1, below: true });
export const seed: Kind = { good: always(7), accepts: (value) => Number.isSafeInteger(value) };
/** What logits are divided by. */
export const divisor = (good: number): Kind => number(good, { low: 1e-29, high: 1e29 });

/** A number of that kind, or a live Tensor of one element. */
export const live = (kind: Kind): Kind => ({
  ...kind,
  accepts: (value, world) => kind.accepts(value, world) || (usable(value, world) && value.size === 1),
});

export const flag: Kind = { good: always(true), accepts: (value) => typeof value === 'boolean' };
export const word = (...words: readonly string[]): Kind => ({
  good: always(words[0]),
  accepts: (value) => words.includes(value as string),
});
export const text = (good: string): Kind => ({
  good: always(good),
  accepts: (value) => typeof value === 'string' && value !== '',
});
export const fn = (good: (world: World) => unknown): Kind => ({
  good,
  accepts: (value) => typeof value === 'function',
});

/** Class numbers, one a row. */
export const labels = (rows: number, classes: number): Kind => ({
  good: () => Int32Array.from({ length: rows }, (_, i) => i % Math.min(classes, 2)),
  accepts: none,
  bad: () => ({
    'an array of integers': Array(rows).fill(0),
    'a Uint32Array': new Uint32Array(rows),
    'a Float32Array': new Float32Array(rows),
    'a BigInt64Array': new BigInt64Array(rows),
    'too many': new Int32Array(rows + 1),
    'too few': new Int32Array(rows - 1),
    'a negative one': new Int32Array(rows).fill(-1),
    ...(classes < 2 ** 31 ? { 'one too high': new Int32Array(rows).fill(classes) } : {}),
  }),
});

/** @param any of any number of elements */
export const shape = (good: readonly number[], any = false): Kind => ({
  good: always(good),
  accepts: (value) => any && Array.isArray(value) && (value.length === 0 || (value.length === 1 && value[0] === 1)),
  says: ['shape', 'elements', 'fill'],
  bad: () => ({
    'a typed array': Int32Array.from(good),
    'with a hole': Object.assign([], { length: good.length }),
    'with 0': [...good.slice(1), 0],
    'with -1': [...good.slice(1), -1],
    'with 1.5': [...good.slice(1), 1.5],
    'with NaN': [...good.slice(1), Number.NaN],
    'with a text': [...good.slice(1), '3'],
    'with null': [...good.slice(1), null],
    'with 2^53': [...good.slice(1), 2 ** 53],
    'with 2^31': [2 ** 31, 2 ** 31],
    'with true': [...good.slice(1), true],
    'of five dimensions': [1, 1, 1, 1, 1],
  }),
});

/** An array of integers, each in that range. */
export const integers = (good: readonly number[], low: number, high: number): Kind => ({
  good: always(good),
  accepts: (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.length < 9 &&
    Array.from(value).every((one) => integer(low, low, high).accepts(one, {} as World)),
  bad: () => ({
    'with a hole': Object.assign([], { length: 2 }),
    'with 1.5': [low + 0.5],
    'with one too low': [...good, low - 1],
    'with one too high': [...good, high + 1],
    'with a text': [...good, '3'],
    'with null': [...good, null],
    'a typed array': Int32Array.from(good),
  }),
});

/** An object of members; those of `needed` have no default. */
export function object(all: Readonly<Record<string, Kind>>, ...needed: readonly string[]): Kind {
  const members = Object.fromEntries(
    Object.entries(all).map(([key, kind]) => [
      key,
      needed.includes(key) ? kind : { ...kind, accepts: orNothing(kind) },
    ]),
  );
  return {
    members,
    good: (world) => Object.fromEntries(needed.map((key) => [key, members[key].good(world)])),
    accepts: (value) => {
      if (needed.length > 0 || value === null || typeof value !== 'object')
        return value === undefined && needed.length === 0;
      const prototype = Object.getPrototypeOf(value);
      return (prototype === Object.prototype || prototype === null) && Reflect.ownKeys(value).length === 0;
    },
    bad: (world) => {
      const right = Object.fromEntries(needed.map((key) => [key, members[key].good(world)]));
      const [first] = Object.keys(members);
      const given = { [first]: members[first].good(world), ...right };
      return {
        'an unknown key': { ...right, nobodyKnowsThis: 1 },
        'a key of Object.prototype': { ...right, constructor: 1 },
        'another key of Object.prototype': { ...right, toString: 1 },
        '__proto__ as a key': Object.assign(JSON.parse('{"__proto__": {"a": 1}}'), right),
        'a Symbol as a key': { ...right, [Symbol('key')]: 1 },
        'inherited members': Object.create(given),
        'an instance with the members': Object.assign(new (class Settings {})(), given),
        'an array with the members': Object.assign([], given),
        'a function with the members': Object.defineProperties(() => {}, Object.getOwnPropertyDescriptors(given)),
        'a Map with the members': new Map(Object.entries(given)),
        'a Promise of it': new Later(() => Promise.resolve(given)),
        'a rejected Promise': new Later(() => Promise.reject(new Error('nobody waits'))),
      };
    },
    says: ['option', 'options', 'it takes', 'did you mean', ...Object.keys(members)],
  };
}

/** An options argument, which may be left out. */
export const options = (members: Readonly<Record<string, Kind>>, ...needed: readonly string[]): Kind =>
  object(members, ...needed);

/** Where other members may stand beside these. */
export function loose(kind: Kind): Kind {
  return {
    ...kind,
    bad: (world) => {
      const unknown = ['an unknown key', 'a key of Object.prototype', 'another key of Object.prototype'];
      const keys = [...unknown, '__proto__ as a key', 'a Symbol as a key'];
      return Object.fromEntries(Object.entries(kind.bad?.(world) ?? {}).filter(([said]) => !keys.includes(said)));
    },
  };
}

/** May be an object without members. */
export const perhaps = (kind: Kind): Kind => ({ ...kind, accepts: object({}).accepts });

/** Named things: an object whose keys are free. */
export const record = (good: (world: World) => unknown, bad: NonNullable<Kind['bad']>, ...says: string[]): Kind => ({
  good,
  accepts: none,
  bad,
  says,
});

export const engine: Kind = { good: (world) => world.engine, accepts: none };
export const random: Kind = { good: (world) => world.random, accepts: none };
