import * as check from '../core/check.ts';
import type { Element } from '../gpu/declarations.ts';
import { packParams } from '../gpu/kernel.ts';
import { ownKernel, type Workgroups } from '../ops/ownKernel.ts';

type Numbers = Float32Array | Int32Array | Uint32Array;

const ARRAYS = { f32: Float32Array, i32: Int32Array, u32: Uint32Array };

/** Two invocations that meet in memory without a barrier between them, as wgsl_reflect describes them. */
export type Race = Readonly<Record<string, unknown>>;

export interface RaceOptions {
  /** Numbers of each `var<storage, read>`. Small ones: each invocation is interpreted. */
  inputs: Readonly<Record<string, Numbers>>;
  /** Of each `var<storage, read_write>` how many numbers it holds, or the numbers that it begins with. */
  outputs: Readonly<Record<string, number | Numbers>>;
  /** How many are launched, as of `defineKernel`. */
  workgroups: Workgroups;
  /** Members of the `var<uniform>` struct, by name. */
  params?: Readonly<Record<string, number>>;
  /** Default: the only one. */
  entryPoint?: string;
}

interface Detector {
  detectRaces(
    code: string,
    entry: string,
    grid: readonly number[],
    groups: object,
  ): { races: Race[]; errors: unknown[] };
}

/** The optional package that interprets WGSL; its file for Node's ES modules. Not by a literal, or every bundler wants it. */
async function load(): Promise<Detector> {
  const file = 'wgsl_reflect/wgsl_reflect.module.js';
  try {
    return (await import(file)) as Detector;
  } catch {
    return check.fail(
      'detectRaces',
      'the package wgsl_reflect is not installed, expected version 1.6; npm install -D wgsl_reflect.',
    );
  }
}

/** Runs WGSL in an interpreter that sees two invocations meet; what it writes is in `bindings`. */
export async function interpret(
  code: string,
  entryPoint: string,
  grid: readonly number[],
  bindings: Readonly<Record<number, unknown>>,
): Promise<{ races: readonly Race[]; errors: readonly unknown[] }> {
  const detector = await load();
  // It takes an alias for a type of one byte.
  let spelt = code.replace(/^alias .*$/gm, '');
  for (const [, name, type] of code.matchAll(/^alias (\w+) = (.+);$/gm))
    spelt = spelt.replace(new RegExp(`\\b${name}\\b`, 'g'), type);
  return detector.detectRaces(spelt, entryPoint, grid, { 0: bindings });
}

/** The numbers of a buffer: those given, of the type that the WGSL declares, or as many zeros as are asked for. */
function numbersOf(name: string, given: unknown, element: Element | null, access: string): Numbers {
  const op = 'detectRaces';
  const of = element?.of ?? null;
  if (of === 'f16') check.fail(op, `${name} is f16 in the WGSL, which wgsl_reflect does not read; try it with f32.`);
  const list = ArrayBuffer.isView(given) ? (given as Numbers) : null;
  if (!list && access === 'read')
    check.fail(op, `${check.came(name, given, 'is')}, expected a ${of ? ARRAYS[of].name : 'Float32Array'}.`);
  const found = list?.slice() ?? new ARRAYS[of ?? 'f32'](check.integer(op, name, given, 1, 2 ** 24));
  const known = of ? [ARRAYS[of]] : Object.values(ARRAYS);
  if (!known.some((type) => found instanceof type))
    check.fail(
      op,
      `${name} holds numbers of ${found.constructor.name}, expected a ${known.map((type) => type.name).join(' or ')}.`,
    );
  const needed = element ? element.bytes * (element.count ?? 1) : 4;
  if (found.byteLength < needed)
    check.fail(op, `${name} has ${found.byteLength} bytes, the WGSL declares at least ${needed}.`);
  return found;
}

/**
 * Races of a kernel of your own: it runs in an interpreter, without a GPU, on numbers as small as you give. Needs the package
 * wgsl_reflect, which reads from top to bottom (declare before use), and may not end on loops inside of helper functions.
 */
export async function detectRaces(wgsl: string, options: RaceOptions): Promise<Race[]> {
  const op = 'detectRaces';
  check.text(op, 'wgsl', wgsl);
  const given = check.options(op, options, {
    inputs: {} as RaceOptions['inputs'],
    outputs: check.REQUIRED as RaceOptions['outputs'],
    workgroups: check.REQUIRED as Workgroups,
    params: {} as Readonly<Record<string, number>>,
    entryPoint: undefined as string | undefined,
  });
  const { workgroups, entryPoint } = given;
  const kernel = ownKernel({ name: op, wgsl, workgroups, entryPoint });
  kernel.refuseOthers('read', Object.keys(check.plain(op, 'inputs', given.inputs)));
  kernel.refuseOthers('read_write', Object.keys(check.plain(op, 'outputs', given.outputs)));
  const grid = (Array.isArray(workgroups) ? workgroups : [workgroups]) as number[];
  if (!check.every(grid, (of) => Number.isInteger(of) && (of as number) > 0) || grid.length < 1 || grid.length > 3)
    check.fail(op, `${check.came('workgroups', workgroups)}, expected a positive integer or [x, y, z].`);
  const [x, y = 1, z = 1] = grid;
  const uniform = new ArrayBuffer(kernel.source.params.bytes);
  packParams(kernel.source, kernel.params(check.plain(op, 'params', given.params)), new DataView(uniform), 0);
  if (kernel.ranged) new Uint32Array(uniform).set([0, x]);
  const bindings: Record<number, unknown> = { [kernel.source.params.binding]: { uniform } };
  for (const { name, binding, access } of kernel.source.buffers)
    bindings[binding] = numbersOf(name, { ...given.inputs, ...given.outputs }[name], kernel.elements[name], access);
  const { races, errors } = await interpret(wgsl, kernel.source.entryPoint ?? 'main', [x, y, z], bindings).catch(
    (error) => ({ races: [], errors: [error as unknown] }),
  );
  if (errors.length > 0)
    check.fail(
      op,
      `the WGSL cannot be interpreted: ${String((errors[0] as Error)?.message ?? errors[0])
        .split('\n')[0]
        .replace(/\.$/, '')}.`,
    );
  return [...races];
}
