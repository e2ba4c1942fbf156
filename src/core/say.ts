import { GramianError } from '../gpu/errors.ts';

/** How a value reads in a sentence. */
export function say(value: unknown): string {
  if (typeof value === 'string') return value.length > 40 ? 'a string' : `"${value}"`;
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'symbol') return 'a Symbol';
  if (isTensor(value)) return `a Tensor [${value.shape?.join(', ')}]`;
  if (typeof value === 'function') return 'a function';
  if (tagOf(value) === 'Promise') hear(value as Promise<unknown>);
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  const called = typeof name === 'string' && name !== '' ? name : 'object';
  return /^[AEIOUaeiou]/.test(called) ? `an ${called}` : `a ${called}`;
}

/** What stands in the place of an argument, for a sentence: `k = 0.5`; `k is missing` where nothing does. */
export function came(name: string, value: unknown, verb: '=' | 'is' | 'are' = '='): string {
  if (value === undefined) return `${name} ${verb === '=' ? 'is' : verb} missing`;
  return `${name} ${verb} ${say(value)}`;
}

/** By what it does: tensors are above this module. */
function isTensor(value: object): value is { shape?: readonly number[] } {
  return 'zeroGrad' in value && 'detach' in value;
}

/** What is refused is nobody's to wait for any more: a Promise among it must not end the process when it fails. */
function hear(promise: Promise<unknown>): void {
  if (promise instanceof Promise) promise.then(undefined, () => {});
}

/** `'Object'` for `{}`, `'Promise'`, `'Map'`; the same in every realm, where `instanceof` knows only its own. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

export function fail(op: string, sentence: string): never {
  throw new GramianError(`${op}: ${sentence}`);
}
