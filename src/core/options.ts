import { came, fail } from './say.ts';

/** What stands for the default of an option that has none: the check of its value says that it is missing. */
export const REQUIRED = undefined as never;

/**
 * An object literal, of this realm or another, or one without a prototype. An instance, a Map or a Promise has no members
 * of its own to speak of: taken for options, it would mean the defaults.
 */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (value === null || typeof value !== 'object') return false;
  const prototype: object | null = Object.getPrototypeOf(value);
  // Math, JSON and modules have a tag.
  if ((value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] !== undefined) return false;
  if (prototype === Object.prototype || prototype === null) return true;
  // Object.prototype of another realm is the end of its chain, and the only one there with this method.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}

/** The members of `value` that are its own; everything but a plain object is refused. */
export function plain(op: string, name: string, value: unknown): Record<string, unknown> {
  if (!isPlain(value)) fail(op, `${came(name, value, name.endsWith('s') ? 'are' : 'is')}, expected an object.`);
  return value;
}

/**
 * `given` over `defaults`; a key that `defaults` lacks is refused, which also catches misspellings. A member whose default
 * is true or false must be one of them: any text is true, 'false' too.
 * @param name what the argument is called in errors
 */
export function options<T extends object>(op: string, given: unknown, defaults: T, name = 'options'): T {
  const result = { ...defaults };
  if (given === undefined) return result;
  const members = plain(op, name, given);
  const symbols = Object.getOwnPropertySymbols(members);
  if (symbols.length > 0) refuse(op, symbols[0], Object.keys(defaults));
  for (const key of Object.keys(members)) {
    if (!Object.hasOwn(defaults, key)) refuse(op, key, Object.keys(defaults));
    const value = members[key];
    if (value === undefined) continue;
    if (typeof (defaults as Record<string, unknown>)[key] === 'boolean') flag(op, key, value);
    (result as Record<string, unknown>)[key] = value;
  }
  return result;
}

export function flag(op: string, name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') fail(op, `${came(name, value)}, expected true or false.`);
  return value;
}

function refuse(op: string, key: string | symbol, known: readonly string[]): never {
  const near = typeof key === 'symbol' ? null : nearest(key, known);
  const said = typeof key === 'symbol' ? 'a Symbol' : key.length > 40 ? 'a long name' : `"${key}"`;
  fail(op, `unknown option ${said}; ${near ? `did you mean "${near}"?` : `it takes ${known.join(', ')}.`}`);
}

function nearest(word: string, candidates: readonly string[]): string | null {
  if (word.length > 40) return null;
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
