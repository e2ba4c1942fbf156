// Expressions of WGSL asked of a device: on numbers that come through a buffer, so that no compiler can know them, and on constants.
import { allocate, download, upload } from '../../buffers.ts';

export type Value = number | boolean;
/** What an expression gives; `bits` is a u32 that is shown as a pattern. */
type Kind = 'f32' | 'i32' | 'u32' | 'bool' | 'bits';

/** One expression of `a`, `b` and `c`. */
export interface Expression {
  readonly expr: string;
  readonly inputs: readonly number[];
  readonly of: 'f32' | 'i32' | 'u32';
  readonly gives: Kind;
  /** Functions that the expression calls. */
  readonly helper?: string;
  readonly feature?: 'shader-f16';
}

/** How the numbers reach the expression: `let` is what the driver may fold, `const` what the WGSL compiler computes itself. */
export type Way = 'buffer' | 'let' | 'const';

/** The value, or null where no shader with the expression compiles. */
export type Computed = Value | null;

const NAMES = ['a', 'b', 'c'];
const words = new DataView(new ArrayBuffer(4));

export function bitsOf(value: number, kind: Expression['of']): number {
  if (kind === 'f32') words.setFloat32(0, value);
  else words.setUint32(0, value >>> 0);
  return words.getUint32(0);
}

function decoded(bits: number, kind: Kind): Value {
  words.setUint32(0, bits);
  if (kind === 'f32') return words.getFloat32(0);
  if (kind === 'i32') return words.getInt32(0);
  return kind === 'bool' ? bits !== 0 : bits;
}

/** The shortest decimal that is this f32, and only it; integers that people know whole. */
export function shortest(value: number): string {
  if (Object.is(value, -0)) return '-0';
  const size = Math.abs(value);
  if (!Number.isFinite(value) || (Number.isInteger(value) && size < 1e10)) return String(value);
  let digits = 1;
  while (digits < 9 && Math.fround(Number(value.toPrecision(digits))) !== value) digits++;
  const short = Number(value.toPrecision(digits));
  return size < 1e-3 || size >= 1e10 ? short.toExponential().replace('+', '') : String(short);
}

export function show(value: Value, gives: Kind): string {
  if (typeof value === 'boolean') return String(value);
  if (gives === 'bits') return `0x${value.toString(16).padStart(8, '0')}`;
  return gives === 'f32' ? shortest(value) : String(value);
}

/** The expression with its numbers in the places of `a`, `b` and `c`. */
export const written = ({ expr, inputs, of }: Expression): string =>
  expr.replace(/([-+*/%<>] ?)?\b([abc])\b/g, (_, sign = '', name) => {
    const value = inputs[NAMES.indexOf(name)];
    const text = of === 'f32' ? shortest(value) : `${value}${of[0]}`;
    return sign + (sign && text.startsWith('-') ? `(${text})` : text);
  });

function declared({ inputs, of }: Expression, way: Way, at: number): string {
  return inputs
    .map((value, i) => {
      const [name, bits] = [NAMES[i], `${bitsOf(value, of)}u`];
      if (way === 'const') return `const ${name} = ${of}(${of === 'f32' ? Math.fround(value) : value});`;
      return way === 'let'
        ? `let ${name}_bits = ${bits}; let ${name} = bitcast<${of}>(${name}_bits);`
        : `let ${name} = bitcast<${of}>(given[${at + i}]);`;
    })
    .join(' ');
}

const asBits = (kind: Kind, expr: string): string =>
  kind === 'bool' ? `select(0u, 1u, ${expr})` : kind === 'f32' || kind === 'i32' ? `bitcast<u32>(${expr})` : expr;

function shader(cases: readonly Expression[], way: Way): string {
  const functions = cases.map(
    (each, i) => `fn case${i}() -> u32 { ${declared(each, way, 3 * i)} return ${asBits(each.gives, each.expr)}; }`,
  );
  const helpers = new Set(cases.map(({ helper }) => helper).filter(Boolean));
  return `${cases.some(({ feature }) => feature === 'shader-f16') ? 'enable f16;' : ''}
    @group(0) @binding(0) var<storage, read> given: array<u32>;
    @group(0) @binding(1) var<storage, read_write> answers: array<u32>;
    ${[...helpers].join('\n')}
    ${functions.join('\n')}
    @compute @workgroup_size(1) fn main() {
      _ = given[0];
      ${cases.map((_, i) => `answers[${i}] = case${i}();`).join('\n')}
    }`;
}

/** A pipeline; null where the code is refused, of which the device then says nothing. */
export async function compile(device: GPUDevice, code: string): Promise<GPUComputePipeline | null> {
  device.pushErrorScope('validation');
  try {
    const module = device.createShaderModule({ code });
    return await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  } catch {
    return null;
  } finally {
    await device.popErrorScope();
  }
}

/** Runs a pipeline once over these buffers, bound in their order; they are destroyed when the last was read. */
export async function runOnce(
  device: GPUDevice,
  pipeline: GPUComputePipeline,
  buffers: readonly GPUBuffer[],
  groups: number,
  length: number,
): Promise<Uint32Array> {
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(groups);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const read = await download(device, buffers[buffers.length - 1], length);
  for (const buffer of buffers) buffer.destroy();
  return new Uint32Array(read.buffer);
}

/** All cases in one shader; where it is refused, in two halves, down to the one that is. */
export async function evaluateAll(device: GPUDevice, cases: readonly Expression[], way: Way): Promise<Computed[]> {
  if (cases.length === 0) return [];
  const pipeline = await compile(device, shader(cases, way));
  if (!pipeline) {
    if (cases.length === 1) return [null];
    const middle = cases.length >> 1;
    const first = await evaluateAll(device, cases.slice(0, middle), way);
    return [...first, ...(await evaluateAll(device, cases.slice(middle), way))];
  }
  const given = cases.flatMap(({ inputs, of }) => [0, 1, 2].map((i) => bitsOf(inputs[i] ?? 0, of)));
  const answers = allocate(device, cases.length);
  const buffers = [upload(device, Uint32Array.from(given)), answers];
  const bits = await runOnce(device, pipeline, buffers, 1, cases.length);
  return cases.map(({ gives }, i) => decoded(bits[i], gives));
}
