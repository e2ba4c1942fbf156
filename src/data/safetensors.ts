import { GramianError } from '../gpu/errors.ts';

/** A tensor in a safetensors file. */
export type SafeTensor =
  | { dtype: 'F32'; shape: number[]; data: Float32Array }
  | { dtype: 'I32'; shape: number[]; data: Int32Array }
  | { dtype: 'U32'; shape: number[]; data: Uint32Array }
  | { dtype: 'U8'; shape: number[]; data: Uint8Array };

const BYTES: Readonly<Record<SafeTensor['dtype'], number>> = { F32: 4, I32: 4, U32: 4, U8: 1 };
const DTYPES = 'F32, I32, U32 or U8';
const MOST_HEADER = 100_000_000; // the limit of the reference implementation

type Tensors = ReadonlyMap<string, SafeTensor> | Readonly<Record<string, SafeTensor>>;

/**
 * Writes tensors in the safetensors format. The same tensors and metadata give the same bytes, whatever their order:
 * 4-byte types come first, then names by code unit, so that every tensor starts at a multiple of its item size.
 *
 * @param tensors by name; `data` holds as many numbers as `shape` says
 * @param metadata free strings, kept under `__metadata__`
 * @throws GramianError where a shape does not fit its data or a tensor is called `__metadata__`
 */
export function writeSafetensors(tensors: Tensors, metadata?: Readonly<Record<string, string>>): Uint8Array {
  const list: [string, SafeTensor][] = isMap(tensors) ? [...tensors] : Object.entries(tensors);
  list.sort(([a, x], [b, y]) => BYTES[y.dtype] - BYTES[x.dtype] || (a < b ? -1 : 1));
  const fields: string[] = [];
  if (metadata) {
    const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
    fields.push(`"__metadata__":${object(pairs.map(([key, value]) => [key, String(value)]))}`);
  }
  let end = 0;
  for (const [name, tensor] of list) {
    checkOutgoing(name, tensor);
    const begin = end;
    end += tensor.data.byteLength;
    const { dtype, shape } = tensor;
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`);
  }
  const text = new TextEncoder().encode(`{${fields.join(',')}}`);
  const size = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + size + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(size), true);
  bytes.fill(0x20, 8, 8 + size);
  bytes.set(text, 8);
  let at = 8 + size;
  for (const [, { data }] of list) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/**
 * Reads a safetensors file, trusting nothing in it. The tensors are copies.
 *
 * @returns the tensors by name in the order of the header, and its metadata
 * @throws GramianError where the bytes break the format or hold a type other than F32, I32, U32 and U8
 */
export function readSafetensors(bytes: Uint8Array): {
  tensors: Map<string, SafeTensor>;
  metadata: Record<string, string>;
} {
  if (!(bytes instanceof Uint8Array)) throw bad(`the file is ${show(bytes)}, expected a Uint8Array`);
  const { header, start } = readHeader(bytes);
  const tensors = new Map<string, SafeTensor>();
  const metadata: Record<string, string> = Object.create(null); // so that no key of the file means anything
  const ranges: { name: string; begin: number; end: number }[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') {
      for (const [key, value] of Object.entries(record(entry, '__metadata__'))) {
        if (typeof value !== 'string') throw bad(`metadata ${show(key)} is ${show(value)}, expected a string`);
        metadata[key] = value;
      }
      continue;
    }
    const { dtype, shape, begin, end } = readEntry(name, record(entry, name), bytes.length - start);
    ranges.push({ name, begin, end });
    // Not slice(): on a Buffer of Node that is a view, and its offset need not be a multiple of four.
    const copy = new Uint8Array(end - begin);
    copy.set(bytes.subarray(start + begin, start + end));
    tensors.set(name, wrap(dtype, shape, copy.buffer));
  }
  ranges.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of ranges) {
    if (begin !== at)
      throw bad(`${show(name)} starts at byte ${begin}, expected ${at} where the tensor before it ends`);
    at = end;
  }
  if (at !== bytes.length - start) {
    throw bad(`the file has ${bytes.length - start} bytes of data, expected the ${at} that its tensors need`);
  }
  return { tensors, metadata };
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; start: number } {
  if (bytes.length < 8) throw bad(`the file has ${bytes.length} bytes, expected 8 or more`);
  const size = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  const room = Math.min(bytes.length - 8, MOST_HEADER);
  if (size > BigInt(room)) throw bad(`the header's length is ${size}, expected at most ${room}`);
  const start = 8 + Number(size);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, start));
    const parsed: unknown = JSON.parse(text);
    return { header: record(parsed, 'header'), start };
  } catch (error) {
    if (error instanceof GramianError) throw error;
    throw bad('the header is no JSON, expected a JSON object in UTF-8');
  }
}

function readEntry(name: string, entry: Record<string, unknown>, room: number) {
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isDtype(dtype)) throw bad(`${show(name)} has the dtype ${show(dtype)}, expected ${DTYPES}`);
  if (!isSizes(shape)) throw bad(`${show(name)} has the shape ${show(shape)}, expected a list of sizes`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1] || offsets[1] > room) {
    throw bad(`${show(name)} has the data_offsets ${show(offsets)}, expected two rising offsets up to ${room}`);
  }
  const [begin, end] = offsets;
  const needed = product(shape) * BYTES[dtype];
  if (needed !== end - begin) {
    throw bad(`${show(name)} has ${end - begin} bytes, expected ${needed} for ${dtype} [${shape.join(', ')}]`);
  }
  return { dtype, shape, begin, end };
}

function wrap(dtype: SafeTensor['dtype'], shape: number[], buffer: ArrayBuffer): SafeTensor {
  if (dtype === 'F32') return { dtype, shape, data: new Float32Array(buffer) };
  if (dtype === 'I32') return { dtype, shape, data: new Int32Array(buffer) };
  if (dtype === 'U32') return { dtype, shape, data: new Uint32Array(buffer) };
  return { dtype, shape, data: new Uint8Array(buffer) };
}

function checkOutgoing(name: string, { dtype, shape, data }: SafeTensor): void {
  const fail = (sentence: string) => new GramianError(`writeSafetensors: ${sentence}.`);
  if (name === '__metadata__') throw fail('a tensor is called __metadata__, expected another name');
  if (!isDtype(dtype)) throw fail(`${show(name)} has the dtype ${show(dtype)}, expected ${DTYPES}`);
  if (!isSizes(shape) || product(shape) !== data.length || data.BYTES_PER_ELEMENT !== BYTES[dtype]) {
    throw fail(
      `${show(name)} has ${data.length} numbers of ${data.BYTES_PER_ELEMENT} bytes, ` +
        `expected as many ${dtype} as its shape ${show(shape)} holds`,
    );
  }
}

// As text, because assigning to a key such as __proto__ would not make one.
const object = (pairs: [string, string][]) =>
  `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;

function record(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw bad(`${show(name)} is ${show(value)}, expected a JSON object`);
}

/** A value out of a file as a short word: a file must not choose how long, or in which control codes, we speak. */
function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  if (Array.isArray(value)) return value.length < 9 && isNumbers(value) ? `[${value.join(', ')}]` : 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

const isMap = (tensors: Tensors): tensors is ReadonlyMap<string, SafeTensor> => tensors instanceof Map;

const isNumbers = (value: unknown[]) => value.every((item) => typeof item === 'number');

const isDtype = (value: unknown): value is SafeTensor['dtype'] =>
  typeof value === 'string' && Object.hasOwn(BYTES, value);

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);

const product = (shape: readonly number[]) => shape.reduce((total, size) => total * size, 1);

const bad = (sentence: string) => new GramianError(`readSafetensors: ${sentence}.`);
