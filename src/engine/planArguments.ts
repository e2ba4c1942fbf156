import * as check from '../core/check.ts';
import type { Context } from '../core/context.ts';
import { checkLayout, type Layout } from '../core/layout.ts';
import { type DataType, Tensor } from '../core/tensor.ts';
import { USAGE } from '../gpu/buffers.ts';
import type { Binding } from '../gpu/pipelines.ts';
import type { Capture } from './capture.ts';

// What comes from outside into a plan, checked.

/** What is in the buffer of a plan's input: as `engine.fromBuffer()` takes it. */
export interface PlanInput {
  shape: readonly number[];
  /** Default `'f32'`; `'i32'` or `'u32'` for labels. */
  dtype?: DataType;
  /** Entries from the start of a row to that of the next, where they do not follow each other. */
  rowStride?: number;
  /** Where `build` calls `backward()`. Its `grad` has the layout of the input. */
  requiresGrad?: boolean;
}

/** A plan's inputs by name: shapes, or more of them. */
export type PlanInputs = Readonly<Record<string, readonly number[] | PlanInput>>;

/** A range of a GPUBuffer: offset in bytes, a multiple of 256 (default 0). */
export interface BufferRange {
  readonly buffer: GPUBuffer;
  readonly offset?: number;
}

const INPUT = {
  shape: check.REQUIRED as unknown,
  dtype: 'f32' as DataType,
  rowStride: undefined as number | undefined,
  requiresGrad: false as boolean,
};

/** An input as it was asked for: a shape, or that and how its numbers lie. */
export function inputOf(name: string, input: unknown): Layout & { requiresGrad: boolean } {
  const called = `inputs.${name}`;
  if (Array.isArray(input))
    return { shape: check.shape('plan', input, called), dtype: 'f32', rowStride: null, requiresGrad: false };
  if (typeof input !== 'object' || input === null)
    check.fail('plan', `input "${name}" is ${check.say(input)}, expected a shape or { shape, dtype, requiresGrad }.`);
  const { shape, requiresGrad, dtype, rowStride } = check.options('plan', input, INPUT, called);
  const extents = check.shape('plan', shape, `${called}.shape`);
  return { ...checkLayout('plan', extents, dtype, rowStride, `${called}.`), requiresGrad };
}

/** What `build` gave, if it can be replayed. */
export function outputsOf(context: Context, result: unknown, { refused, hooks }: Capture): Record<string, Tensor> {
  check.synchronous('plan', 'build', result);
  if (refused) throw refused;
  if (hooks.length > 0)
    check.fail('plan', 'build calls what counts its runs (an optimiser), expected it outside; use engine.recorded().');
  const plain = typeof result === 'object' && result !== null && !Array.isArray(result) && !(result instanceof Tensor);
  if (!plain) check.fail('plan', `build returned ${check.say(result)}, expected an object of Tensors by name.`);
  for (const [name, output] of Object.entries(result as object))
    if (!(output instanceof Tensor)) check.fail('plan', `output "${name}" is ${check.say(output)}, expected a Tensor.`);
  for (const [name, output] of Object.entries(result as Record<string, Tensor>))
    if (output.context !== context)
      check.fail('plan', `output "${name}" lives on another device, expected a Tensor of this engine.`);
  return result as Record<string, Tensor>;
}

/** A range for each name, of as many bytes as it needs. */
export function rangesOf(
  bytesByName: ReadonlyMap<string, number>,
  buffers: Readonly<Record<string, GPUBuffer | BufferRange>>,
): Map<string, Binding> {
  const ranges = new Map<string, Binding>();
  for (const name of Object.keys(buffers))
    if (!bytesByName.has(name))
      check.fail('encode', `the plan has no "${name}"; it has ${[...bytesByName.keys()].join(', ')}.`);
  for (const [name, bytes] of bytesByName) {
    const given = buffers[name];
    if (!given) check.fail('encode', `buffer "${name}" is missing.`);
    const isTensor = given instanceof Tensor; // its numbers may start anywhere in its buffer
    const isRange = !isTensor && typeof given === 'object' && 'buffer' in given;
    const { buffer, offset = 0 } = isRange ? given : { buffer: given as GPUBuffer };
    if (isTensor || typeof buffer?.size !== 'number')
      check.fail('encode', `${check.came(name, buffer, 'is')}, expected a GPUBuffer or { buffer, offset }.`);
    if ((buffer.usage & USAGE.STORAGE) === 0)
      check.fail('encode', `${name} lacks usage STORAGE, expected a storage buffer.`);
    if (typeof offset !== 'number' || !(offset >= 0) || offset % 256 !== 0)
      check.fail('encode', `${name} has offset ${check.say(offset)}, expected a multiple of 256.`);
    if (offset + bytes > buffer.size)
      check.fail('encode', `${name} has ${Math.max(0, buffer.size - offset)} bytes, expected ${bytes}.`);
    ranges.set(name, { buffer, offset, bytes });
  }
  return ranges;
}
