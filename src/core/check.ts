import { formatBytes, GramianError, UsedAfterDisposeError } from '../gpu/errors.ts';
import type { Engine } from './engine.ts';
import { Tensor } from './tensor.ts';

// Every check says `<op>: <argument> <what came>, expected <what is wanted>` in one sentence and changes nothing.

export const MAX_ELEMENTS = 2 ** 31; // kernels index with u32
const MAX_LOGIT = 1e29; // kernels use -1e30 for "nothing yet"

/** How a value reads in a sentence. */
export function say(value: unknown): string {
  if (typeof value === 'string') return value.length > 40 ? 'a string' : `"${value}"`;
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Tensor) return `a Tensor [${value.shape.join(', ')}]`;
  if (typeof value === 'function') return 'a function';
  const name = (value as object).constructor?.name ?? 'object';
  return /^[AEIOU]/.test(name) ? `an ${name}` : `a ${name}`;
}

export function fail(op: string, sentence: string): never {
  throw new GramianError(`${op}: ${sentence}`);
}

/** The engine that the named tensors live on, after making sure that each can be used. */
export function engineOf(op: string, tensors: Readonly<Record<string, Tensor>>): Engine {
  let first: Tensor | null = null;
  let firstName = '';
  for (const [name, tensor] of Object.entries(tensors)) {
    if (!(tensor instanceof Tensor)) fail(op, `${name} is ${say(tensor)}, expected a Tensor.`);
    if (first && tensor.engine !== first.engine) fail(op, `${firstName} and ${name} live on different devices.`);
    if (!first) {
      first = tensor;
      firstName = name;
      tensor.engine.assertAlive(op);
    }
    if (tensor.disposed)
      throw new UsedAfterDisposeError(
        `${op}: ${name} was disposed (or its scope ended) after submit ${tensor.disposedAt}, expected a live Tensor.`,
      );
    if (tensor.dtype !== 'f32') fail(op, `${name} holds ${tensor.dtype}, expected f32.`);
    tensor.engine.assertComputed(tensor.storage);
  }
  if (!first) fail(op, 'no tensor came, expected at least one.');
  const { engine } = first;
  engine.named = tensors;
  if (engine.check) engine.inspect(op, tensors);
  return engine;
}

/** `[rows, columns]` of a matrix. */
export function matrix(op: string, name: string, tensor: Tensor): [rows: number, columns: number] {
  if (tensor.shape.length !== 2)
    fail(op, `${name} is [${tensor.shape.join(', ')}], expected a matrix [rows, columns].`);
  return [tensor.shape[0], tensor.shape[1]];
}

export function sameShape(op: string, nameA: string, a: Tensor, nameB: string, b: Tensor): void {
  if (a.shape.length !== b.shape.length || a.shape.some((extent, i) => extent !== b.shape[i]))
    fail(op, `${nameB} is [${b.shape.join(', ')}], expected [${a.shape.join(', ')}] to match ${nameA}.`);
}

export function sameColumns(op: string, nameA: string, a: Tensor, nameB: string, b: Tensor): void {
  const [, columnsA] = matrix(op, nameA, a);
  const [, columnsB] = matrix(op, nameB, b);
  if (columnsA !== columnsB)
    fail(op, `${nameB} has ${columnsB} columns, expected ${columnsA} to match ${nameA} [${a.shape.join(', ')}].`);
}

export function shape(op: string, value: unknown): number[] {
  if (!Array.isArray(value)) fail(op, `shape is ${say(value)}, expected an array of 1 to 4 positive integers.`);
  if (value.length < 1 || value.length > 4) fail(op, `shape has ${value.length} dimensions, expected 1 to 4.`);
  let elements = 1;
  value.forEach((extent, i) => {
    if (typeof extent !== 'number' || !Number.isSafeInteger(extent) || extent < 1)
      fail(op, `shape[${i}] = ${say(extent)}, expected a positive integer.`);
    elements *= extent;
  });
  if (elements > MAX_ELEMENTS)
    fail(op, `[${value.join(', ')}] has ${elements} elements, expected at most ${MAX_ELEMENTS}.`);
  return [...value];
}

export function positive(op: string, name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
    fail(op, `${name} = ${say(value)}, expected a finite number above 0.`);
  return value;
}

export function finite(op: string, name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value))
    fail(op, `${name} = ${say(value)}, expected a finite number.`);
  return value;
}

export function nonNegative(op: string, name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
    fail(op, `${name} = ${say(value)}, expected a finite number, 0 or above.`);
  return value;
}

export function integer(op: string, name: string, value: unknown, low: number, high: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high)
    fail(op, `${name} = ${say(value)}, expected an integer in [${low}, ${high}].`);
  return value;
}

export function callback(op: string, name: string, value: unknown): void {
  if (typeof value !== 'function') fail(op, `${name} is ${say(value)}, expected a function.`);
}

export function oneOf<T extends string>(op: string, name: string, value: unknown, allowed: readonly T[]): T {
  if (!allowed.includes(value as T))
    fail(op, `${name} = ${say(value)}, expected ${allowed.map((a) => `"${a}"`).join(' or ')}.`);
  return value as T;
}

/** A temperature: a number above 0 whose logits stay in range, or a live Tensor of one element. */
export function temperature(op: string, value: unknown, name = 'temperature'): number | Tensor {
  if (value instanceof Tensor) return oneNumber(op, name, value);
  const number = positive(op, name, value);
  if (1 / number > MAX_LOGIT)
    fail(op, `${name} = ${number} makes logits of ${short(1 / number)}, expected below ${short(MAX_LOGIT)}.`);
  return number;
}

/** A multiplier of logits, a number above 0 that keeps them in range, or a live Tensor of one element. */
export function logitScale(op: string, value: unknown): number | Tensor {
  if (value instanceof Tensor) return oneNumber(op, 'logitScale', value);
  const number = positive(op, 'logitScale', value);
  if (number > MAX_LOGIT)
    fail(op, `logitScale = ${number} makes logits of ${short(number)}, expected below ${short(MAX_LOGIT)}.`);
  return number;
}

export function oneNumber(op: string, name: string, tensor: Tensor): Tensor {
  if (tensor.size !== 1) fail(op, `${name} is [${tensor.shape.join(', ')}], expected one number.`);
  return tensor;
}

/** `1e30` */
function short(value: number): string {
  return Number(value.toPrecision(3)).toExponential().replace('+', '');
}

/** `given` over `defaults`; a key that `defaults` lacks is refused, which also catches misspellings. */
export function options<T extends object>(op: string, given: unknown, defaults: T): T {
  if (given === undefined) return { ...defaults };
  if (given === null || typeof given !== 'object' || Array.isArray(given) || given instanceof Tensor)
    fail(op, `options are ${say(given)}, expected an object.`);
  const result = { ...defaults };
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(defaults, key)) {
      const near = nearest(key, Object.keys(defaults));
      fail(
        op,
        `unknown option "${key}"; ${near ? `did you mean "${near}"?` : `it takes ${Object.keys(defaults).join(', ')}.`}`,
      );
    }
    const value = (given as Record<string, unknown>)[key];
    if (value !== undefined) (result as Record<string, unknown>)[key] = value;
  }
  return result;
}

function nearest(word: string, candidates: readonly string[]): string | null {
  let best: string | null = null;
  let distance = Math.max(2, Math.ceil(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const d = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (d < distance) {
      distance = d;
      best = candidate;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length];
}

/** Refuses a result that one binding of this device cannot hold; `instead` names the way out. */
export function bindable(op: string, engine: Engine, resultShape: readonly number[], instead = ''): void {
  const bytes = 4 * resultShape.reduce((a, b) => a * b, 1);
  const limit = engine.info.limits.maxStorageBufferBindingSize;
  if (bytes > limit)
    fail(
      op,
      `result [${resultShape.join(', ')}] needs ${formatBytes(bytes)}, this adapter binds at most ${formatBytes(limit)}` +
        `${instead ? `; ${instead}` : ''}.`,
    );
}

/** Refuses an input that has to be bound in one piece and cannot be. */
export function bindableInput(op: string, engine: Engine, name: string, tensor: Tensor): void {
  const bytes = 4 * tensor.size;
  const limit = engine.info.limits.maxStorageBufferBindingSize;
  if (bytes > limit)
    fail(
      op,
      `${name} [${tensor.shape.join(', ')}] has ${formatBytes(bytes)}, this adapter binds at most ${formatBytes(limit)}.`,
    );
}

/** Refuses a result with more elements than kernels can count. */
export function elements(op: string, resultShape: readonly number[]): void {
  const count = resultShape.reduce((a, b) => a * b, 1);
  if (count > MAX_ELEMENTS)
    fail(op, `result [${resultShape.join(', ')}] has ${count} elements, expected at most ${MAX_ELEMENTS}.`);
}
