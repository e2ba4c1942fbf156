import * as check from './check.ts';

const DEEPEST = 32; // of nested arrays; a shape has four extents at most, but may be given apart

/** `'f16'` is how others hold numbers: ops take it as f32, and give its gradient back in f16. */
export type DataType = 'f32' | 'f16' | 'i32' | 'u32';

/** Numbers as nested arrays: `[[1, 2], [3, 4]]`. */
export type NestedNumbers = readonly (number | NestedNumbers)[];

/** Numbers that `engine.tensor()` takes. */
export type TensorData = Float32Array | Int32Array | Uint32Array | NestedNumbers;

/** Numbers ready to be written to the GPU. */
export interface Numbers {
  readonly values: Float32Array | Int32Array | Uint32Array;
  readonly dtype: DataType;
  readonly shape: number[];
}

/** What `engine.tensor()` or `tensor.write()` was given, checked: the numbers in one row, and their shape. */
export function numbers(op: string, data: unknown, shape?: readonly number[]): Numbers {
  const { values, dtype, nested } = flatten(op, data, shape);
  const extents = check.shape(op, shape === undefined ? nested : shape);
  const size = extents.reduce((a, b) => a * b, 1);
  if (values.length !== size)
    check.fail(op, `${values.length} numbers do not fill a [${extents.join(', ')}] (${size}).`);
  return { values, dtype, shape: extents };
}

function flatten(
  op: string,
  data: unknown,
  shape?: readonly number[],
): { values: Numbers['values']; dtype: DataType; nested: number[] } {
  const fail = (sentence: string): never => check.fail(op, sentence);
  const wanted = 'expected Float32Array, Int32Array, Uint32Array or nested arrays of numbers';
  if (ArrayBuffer.isView(data)) {
    const dtype =
      data instanceof Float32Array
        ? 'f32'
        : data instanceof Int32Array
          ? 'i32'
          : data instanceof Uint32Array
            ? 'u32'
            : null;
    if (!dtype) return fail(`${check.came('data', data, 'is')}, ${wanted}.`);
    const values = data as Numbers['values'];
    if (isDetached(values.buffer)) return fail('data is detached.');
    // Shared memory may change under us, and some WebGPU implementations refuse it: copy.
    const owned = values.buffer instanceof ArrayBuffer ? values : values.slice();
    if (owned.length === 0) return fail(`data is empty, ${wanted}.`);
    return { values: owned, dtype, nested: [owned.length] };
  }
  if (!Array.isArray(data)) return fail(`${check.came('data', data, 'is')}, ${wanted}.`);
  const nested: number[] = [];
  for (let level: unknown = data; Array.isArray(level); level = level[0]) {
    if (nested.length === DEEPEST)
      return fail(`data is nested deeper than ${DEEPEST} arrays, or holds itself, expected nested arrays of numbers.`);
    nested.push(level.length);
  }
  if (nested.includes(0)) return fail(`data is empty, ${wanted}.`);
  if (nested.length === 1) check.elements(op, nested, 'data');
  if (shape === undefined) check.shape(op, nested); // few arrays, each of which holds the next one twice, are very many numbers
  return { values: gather(op, data, nested), dtype: 'f32', nested };
}

/** In place of flat(), which does not end where a ragged array holds itself, and needs an array as long as all numbers. */
function gather(op: string, data: readonly unknown[], nested: readonly number[]): Float32Array {
  const fail = (sentence: string): never => check.fail(op, sentence);
  const count = nested.reduce((a, b) => a * b, 1);
  if (count > check.MAX_ELEMENTS) fail(`data has ${count} numbers, expected at most ${check.MAX_ELEMENTS}.`);
  let values: Float32Array;
  try {
    values = new Float32Array(count);
  } catch {
    return fail(`data has ${count} numbers, for which this process has no memory.`);
  }
  let at = 0;
  const visit = (level: readonly unknown[], depth: number): void => {
    const last = depth + 1 === nested.length;
    if (level.length !== nested[depth]) fail('data is ragged, expected nested arrays of equal lengths.');
    for (let i = 0; i < level.length; i++) {
      const item = level[i];
      if (Array.isArray(item) === last) fail('data is ragged, expected nested arrays of equal lengths.');
      if (!last) visit(item as unknown[], depth + 1);
      else if (typeof item === 'number') values[at++] = check.storable(op, 'data', item);
      else fail(`data holds ${check.say(item)}, expected numbers.`);
    }
  };
  visit(data, 0);
  return values;
}

/** `detached` is newer than Node 20; without it, only the failure of a new view tells. */
function isDetached(buffer: ArrayBufferLike & { detached?: boolean }): boolean {
  if (buffer.detached !== undefined || buffer.byteLength > 0) return buffer.detached === true;
  try {
    return new Uint8Array(buffer).length > 0;
  } catch {
    return true;
  }
}
