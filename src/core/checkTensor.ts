import { formatBytes, UsedAfterDisposeError } from '../gpu/errors.ts';
import { came, divisor, fail, logits, positive } from './check.ts';
import type { Context } from './context.ts';
import { Tensor } from './tensor.ts';

export * from './check.ts';

// What takes tensors; all of check.ts comes along, so that an op needs one of both.

/** The context that the named tensors live on, after making sure that each can be used. */
export function contextOf(op: string, tensors: Readonly<Record<string, Tensor>>): Context {
  let first: Tensor | null = null;
  let firstName = '';
  for (const [name, tensor] of Object.entries(tensors)) {
    if (!(tensor instanceof Tensor)) fail(op, `${came(name, tensor, 'is')}, expected a Tensor.`);
    if (first && tensor.context !== first.context) fail(op, `${firstName} and ${name} live on different devices.`);
    if (!first) {
      first = tensor;
      firstName = name;
      tensor.context.assertAlive(op);
    }
    alive(op, name, tensor);
    if (tensor.readAs !== 'f32') fail(op, `${name} holds ${tensor.dtype}, expected f32.`);
    tensor.context.assertComputed(tensor.memory);
    if (!tensor.packed) tensor.refresh();
  }
  if (!first) fail(op, 'no tensor came, expected at least one.');
  const { context } = first;
  context.named = tensors;
  if (context.check) context.inspect(op, tensors);
  return context;
}

/** Refuses a tensor that was freed. */
export function alive(op: string, name: string, { disposed, disposedAt }: Tensor): void {
  if (disposed)
    throw new UsedAfterDisposeError(
      `${op}: ${name} was disposed (or its scope ended) after submit ${disposedAt}, expected a live Tensor.`,
    );
}

/** Refuses what cannot be written in place: kernels would write a copy of it. */
export function writable(op: string, name: string, { packed, dtype }: Tensor): void {
  if (!packed)
    fail(
      op,
      `${name} is ${dtype === 'f32' ? 'f32 with a rowStride' : dtype}, expected f32 without one, as it is written in place.`,
    );
}

/** The engine that was given to make something on, after making sure that it can be used: here, and below, a context. */
export function context(op: string, value: unknown): Context {
  const given = value as Partial<Context> | null | undefined;
  // By what it does: this module is below the engine.
  if (typeof given?.assertAlive !== 'function' || typeof given.fromBuffer !== 'function')
    fail(op, `${came('engine', value, 'is')}, expected what createEngine makes.`);
  given.assertAlive(op);
  return given as Context;
}

/** An array of Tensors by name, `views[0]` and so on: what is none, a hole among them, is refused. */
export function tensors(op: string, name: string, list: readonly unknown[]): Record<string, Tensor> {
  const named: Record<string, Tensor> = {};
  for (let i = 0; i < list.length; i++) {
    const tensor = list[i];
    if (!(tensor instanceof Tensor)) fail(op, `${came(`${name}[${i}]`, tensor, 'is')}, expected a Tensor.`);
    named[`${name}[${i}]`] = tensor;
  }
  return named;
}

/** The same of what should be an array of them, `least` at least (1). */
export function tensorList(op: string, name: string, list: unknown, least = 1): Record<string, Tensor> {
  if (!Array.isArray(list))
    fail(op, `${came(name, list, name.endsWith('s') ? 'are' : 'is')}, expected an array of Tensors.`);
  if (list.length < least) fail(op, `${name} has 0 tensors, expected at least one.`);
  return tensors(op, name, list);
}

/** `[rows, columns]` of a matrix. */
export function matrix(op: string, name: string, tensor: Tensor): [rows: number, columns: number] {
  if (tensor.shape.length !== 2)
    fail(op, `${name} is [${tensor.shape.join(', ')}], expected a matrix [rows, columns].`);
  return [tensor.shape[0], tensor.shape[1]];
}

/** `[rows, columns]` of rows of numbers, whose leading dimensions count as one: [..., columns]. */
export function rows(op: string, name: string, { shape, size }: Tensor): [rows: number, columns: number] {
  if (shape.length < 2)
    fail(op, `${name} is [${shape.join(', ')}], expected rows [..., columns] of two dimensions or more.`);
  const columns = shape[shape.length - 1];
  return [size / columns, columns];
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

/** A temperature: a number above 0 whose logits stay in range, or a live Tensor of one element. */
export function temperature(op: string, value: unknown, name = 'temperature'): number | Tensor {
  if (value instanceof Tensor) return oneNumber(op, name, value);
  return divisor(op, name, value);
}

/** A multiplier of logits, a number above 0 that keeps them in range, or a live Tensor of one element. */
export function logitScale(op: string, value: unknown): number | Tensor {
  if (value instanceof Tensor) return oneNumber(op, 'logitScale', value);
  return logits(op, 'logitScale', positive(op, 'logitScale', value));
}

export function oneNumber(op: string, name: string, tensor: Tensor): Tensor {
  if (tensor.size !== 1) fail(op, `${name} is [${tensor.shape.join(', ')}], expected one number.`);
  return tensor;
}

/** Refuses a result that one binding of this device cannot hold; `instead` names the way out. */
export function bindable(op: string, context: Context, resultShape: readonly number[], instead = ''): void {
  const bytes = 4 * resultShape.reduce((a, b) => a * b, 1);
  const limit = context.info.limits.maxStorageBufferBindingSize;
  if (bytes > limit)
    fail(
      op,
      `result [${resultShape.join(', ')}] needs ${formatBytes(bytes)}, this adapter binds at most ${formatBytes(limit)}` +
        `${instead ? `; ${instead}` : ''}.`,
    );
}

/** Refuses an input that has to be bound in one piece and cannot be. */
export function bindableInput(op: string, context: Context, name: string, tensor: Tensor): void {
  const bytes = 4 * tensor.size;
  const limit = context.info.limits.maxStorageBufferBindingSize;
  if (bytes > limit)
    fail(
      op,
      `${name} [${tensor.shape.join(', ')}] has ${formatBytes(bytes)}, this adapter binds at most ${formatBytes(limit)}.`,
    );
}
