import { expect, test } from 'vitest';
import { readSafetensors, type SafeTensor, writeSafetensors } from '../../src/data/safetensors.ts';

const tensors: Record<string, SafeTensor> = {
  weight: { dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, -2, 0.5, 1e-38, 3e38, -0) },
  bytes: { dtype: 'U8', shape: [3], data: Uint8Array.of(0, 7, 255) },
  step: { dtype: 'I32', shape: [], data: Int32Array.of(-5) },
  seed: { dtype: 'U32', shape: [1, 1], data: Uint32Array.of(2 ** 32 - 1) },
  empty: { dtype: 'F32', shape: [0, 4], data: new Float32Array(0) },
};

test('what is written is read back', () => {
  const bytes = writeSafetensors(tensors, { method: 'simclr', note: 'a "quote" \u2028 and é' });
  const { tensors: back, metadata } = readSafetensors(bytes);
  expect(Object.fromEntries(back)).toEqual(tensors);
  expect({ ...metadata }).toEqual({ method: 'simclr', note: 'a "quote" \u2028 and é' });
});

test('the bytes are those of the format', () => {
  const bytes = writeSafetensors({ a: { dtype: 'F32', shape: [1], data: Float32Array.of(1) } });
  const header = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
  expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(56n);
  expect(new TextDecoder().decode(bytes.subarray(8, 64))).toBe(header.padEnd(56));
  expect([...bytes.subarray(64)]).toEqual([0, 0, 128, 63]);
});

test('the order of the input does not matter and four-byte types are aligned', () => {
  const forward = writeSafetensors(tensors, { a: '1', b: '2' });
  const backward = writeSafetensors(new Map(Object.entries(tensors).reverse()), { b: '2', a: '1' });
  expect(backward).toEqual(forward);
  const order = [...readSafetensors(forward).tensors.keys()];
  expect(order).toEqual(['empty', 'seed', 'step', 'weight', 'bytes']);
});

test('bytes at an odd offset, as a Buffer, and a view of a larger array', () => {
  const data = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
  const bytes = writeSafetensors({ x: { dtype: 'F32', shape: [2], data } });
  const shifted = Buffer.concat([Buffer.alloc(1), bytes]).subarray(1);
  const read = readSafetensors(shifted).tensors.get('x');
  shifted.fill(0);
  expect(read?.data).toEqual(Float32Array.of(1, 2));
});

test('names that mean something in JavaScript are only names', () => {
  const one: SafeTensor = { dtype: 'U8', shape: [1], data: Uint8Array.of(1) };
  const names = ['__proto__', 'constructor', 'toString', ''];
  const bytes = writeSafetensors(new Map(names.map((name) => [name, one])), { ['__proto__']: 'x', constructor: 'y' });
  const { tensors: back, metadata } = readSafetensors(bytes);
  expect([...back.keys()].sort()).toEqual([...names].sort());
  expect(Object.entries(metadata)).toEqual([
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ]);
  expect(metadata.toString).toBeUndefined();
  expect(({} as Record<string, unknown>).dtype).toBeUndefined();
});

/** A file of that header and so many bytes of data. */
function file(header: string | Uint8Array, data = 0, length?: bigint): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + data);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (dtype: unknown, shape: unknown, offsets: unknown) =>
  JSON.stringify({ dtype, shape, data_offsets: offsets });

const damaged: [string, Uint8Array, string][] = [
  ['no bytes', new Uint8Array(0), 'the file has 0 bytes, expected 8 or more'],
  ['a header past the end', file('{}', 0, 3n), "the header's length is 3, expected at most 2"],
  ['a huge header', file('{}', 0, 2n ** 63n), "the header's length is 9223372036854775808, expected at most 2"],
  ['no JSON', file('{'), 'the header is no JSON, expected a JSON object in UTF-8'],
  ['no UTF-8', file(Uint8Array.of(0x22, 0xff, 0x22)), 'the header is no JSON, expected a JSON object in UTF-8'],
  ['nothing but brackets', file('['.repeat(1e5)), 'the header is no JSON, expected a JSON object in UTF-8'],
  ['a list', file('[]'), '"header" is [], expected a JSON object'],
  ['null', file('null'), '"header" is null, expected a JSON object'],
  ['no entry', file('{"x":7}'), '"x" is 7, expected a JSON object'],
  ['metadata that is a number', file('{"__metadata__":{"a":1}}'), 'metadata "a" is 1, expected a string'],
  ['another type', file(`{"x":${entry('F16', [1], [0, 2])}}`, 2), 'dtype "F16", expected F32, I32, U32 or U8'],
  ['a type off the prototype', file(`{"x":${entry('toString', [1], [0, 2])}}`, 2), 'the dtype "toString"'],
  ['a type that cannot be text', file(`{"x":${entry({ toString: 1 }, [1], [0, 2])}}`), 'the dtype an object'],
  ['a negative size', file(`{"x":${entry('U8', [-1], [0, 1])}}`, 1), 'the shape [-1], expected a list of sizes'],
  ['a broken size', file(`{"x":${entry('U8', [1.5], [0, 1])}}`, 1), 'the shape [1.5], expected a list of sizes'],
  ['no shape', file(`{"x":${entry('U8', null, [0, 1])}}`, 1), 'the shape null, expected a list of sizes'],
  ['a shape too large', file(`{"x":${entry('U8', [9e15, 9e15], [0, 1])}}`, 1), '"x" has 1 bytes, expected 8.1e+31'],
  ['a shape of another size', file(`{"x":${entry('F32', [2], [0, 4])}}`, 4), 'has 4 bytes, expected 8 for F32 [2]'],
  ['offsets past the end', file(`{"x":${entry('U8', [5], [0, 5])}}`, 4), 'data_offsets [0, 5], expected two rising'],
  ['falling offsets', file(`{"x":${entry('U8', [0], [4, 0])}}`, 4), 'the data_offsets [4, 0]'],
  ['one offset', file(`{"x":${entry('U8', [1], [0])}}`, 1), 'the data_offsets [0]'],
  ['overlap', file(`{"x":${entry('U8', [2], [0, 2])},"y":${entry('U8', [2], [1, 3])}}`, 3), '"y" starts at byte 1'],
  ['a gap', file(`{"x":${entry('U8', [1], [1, 2])}}`, 2), '"x" starts at byte 1, expected 0'],
  ['bytes left over', file(`{"x":${entry('U8', [1], [0, 1])}}`, 9), 'the file has 9 bytes of data, expected the 1'],
  ['a name with control codes', file('{"\\u001b[31m":0}'), '"\\u001b[31m" is 0, expected a JSON object'],
];

test.each(damaged)('refuses %s', (_, bytes, sentence) => {
  expect(() => readSafetensors(bytes)).toThrow(/^readSafetensors: .*\.$/);
  expect(() => readSafetensors(bytes)).toThrow(sentence);
});

const unwritable: [string, Record<string, SafeTensor>, string][] = [
  ['a shape that does not fit', { x: { dtype: 'F32', shape: [3], data: new Float32Array(2) } }, '"x" has 2 numbers'],
  ['a reserved name', { __metadata__: { dtype: 'U8', shape: [0], data: new Uint8Array(0) } }, 'is called __metadata__'],
];

test.each(unwritable)('does not write %s', (_, input, sentence) => {
  expect(() => writeSafetensors(input)).toThrow(sentence);
});
