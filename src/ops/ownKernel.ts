import * as check from '../core/check.ts';
import type { Layout } from '../core/layout.ts';
import type { Tensor } from '../core/tensor.ts';
import type { DataType } from '../core/tensorData.ts';
import {
  type Declared,
  declarationsOf,
  type Element,
  elementOf,
  type Member,
  type Override,
} from '../gpu/declarations.ts';
import type { KernelSource, ParamsMember } from '../gpu/kernel.ts';

/** What a member of a uniform may be. */
export type ParamType = ParamsMember['type'];

/** How many workgroups: a number, which is folded into two dimensions past 65,535, or `[x, y, z]` as it is. */
export type Workgroups = number | readonly number[];

/** A shape, or a shape and what it holds; without `dtype`, what the WGSL declares. */
export type OutputShape = readonly number[] | { readonly shape: readonly number[]; readonly dtype?: DataType };

export interface KernelDefinition {
  /** What errors and `explain` call it. */
  readonly name: string;
  /** A complete WGSL module. Inputs are its `var<storage, read>`, outputs its `var<storage, read_write>`, by name, in group 0. */
  readonly wgsl: string;
  /** How many workgroups to start, or a function of the inputs, the parameters and the outputs. */
  readonly workgroups:
    | Workgroups
    | ((
        inputs: Readonly<Record<string, Tensor>>,
        params: Readonly<Record<string, number>>,
        outputs: Readonly<Record<string, Tensor>>,
      ) => Workgroups);
  /** Members of the one `var<uniform>`, in their order. Default: what its struct declares. */
  readonly params?: Readonly<Record<string, ParamType>>;
  /** Names in the order of their `@binding` numbers; needed only where such a number is no literal. */
  readonly bindings?: readonly string[];
  /** Values of `override` declarations. */
  readonly constants?: Readonly<Record<string, number>>;
  /** Needed where the module has several. */
  readonly entryPoint?: string;
  /** Features of the device that the WGSL needs, such as `'subgroups'`. */
  readonly features?: readonly string[];
}

const PARAM_TYPES: readonly ParamType[] = ['f32', 'i32', 'u32'];
const MOST_PARAMS = 64;
const BINDINGS = 1000; // of WebGPU's limits the one that no device has otherwise
const INTEGERS: Readonly<Record<'u32' | 'i32', readonly [low: number, high: number]>> = {
  u32: [0, 2 ** 32 - 1],
  i32: [-(2 ** 31), 2 ** 31 - 1],
};
const RANGE = ['first_group', 'end_group'];

/** A definition, checked against its WGSL. */
export interface OwnKernel {
  readonly name: string;
  readonly source: KernelSource;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** What each buffer holds, where that is known. */
  readonly elements: Readonly<Record<string, Element | null>>;
  readonly features: readonly string[];
  /** Its uniform begins with a range of groups, as those of our own kernels do: a launch may be cut. */
  readonly ranged: boolean;
  /** Numbers for the uniform, checked. */
  params(given: Readonly<Record<string, unknown>>): Record<string, number>;
  refuseOthers(access: 'read' | 'read_write', names: readonly string[]): void;
  refuseMisfit(name: string, layout: Layout): void;
  /** How the kernel reads what is given. */
  wants(name: string, layout: Layout): { readonly dtype: DataType };
}

export function ownKernel(definition: KernelDefinition): OwnKernel {
  const given = check.options(
    'defineKernel',
    definition,
    {
      name: check.REQUIRED as string,
      wgsl: check.REQUIRED as string,
      workgroups: check.REQUIRED as unknown,
      params: undefined as KernelDefinition['params'],
      bindings: undefined as KernelDefinition['bindings'],
      constants: {} as Readonly<Record<string, number>>,
      entryPoint: undefined as string | undefined,
      features: [] as readonly string[],
    },
    'definition',
  );
  const name = check.text('defineKernel', 'name', given.name);
  if (/[\r\n]/.test(name)) check.fail('defineKernel', 'name has several lines, expected one.');
  const fail = (sentence: string): never => check.fail(name, sentence);
  const wgsl = check.text(name, 'wgsl', given.wgsl);
  if (
    typeof given.workgroups !== 'function' &&
    typeof given.workgroups !== 'number' &&
    !Array.isArray(given.workgroups)
  )
    fail(`${check.came('workgroups', given.workgroups, 'is')}, expected a function, a number or [x, y, z].`);
  const { features } = given;
  if (!check.every(features, (feature) => typeof feature === 'string' && feature !== ''))
    fail(`${check.came('features', features, 'is')}, expected an array of names.`);

  const declared = declarationsOf(wgsl);
  const standard = declared.entryPoints.includes('main') ? 'main' : declared.entryPoints[0];
  const entryPoint = given.entryPoint === undefined ? standard : given.entryPoint;
  const entries = declared.entryPoints.join(', ');
  if (entryPoint === undefined) fail('the WGSL has no entry point, expected a function with @compute.');
  if (!declared.entryPoints.includes(entryPoint))
    fail(`${check.came('entryPoint', entryPoint)}, expected one of the WGSL's: ${entries}.`);
  if (given.entryPoint === undefined && declared.entryPoints.length > 1 && entryPoint !== 'main')
    fail(`the WGSL has several entry points, expected entryPoint to be one of ${entries}.`);
  const used = declared.entryPoints.length > 1 ? declared.usedBy(entryPoint) : null;
  const all = bindingsOf(name, declared.buffers, given.bindings);
  const handle = declared.handles.find((one) => !used || used.has(one.name));
  if (handle)
    fail(`${handle.name} is ${handle.type} in the WGSL, expected only var<storage> and at most one var<uniform>.`);
  const buffers = all.filter((buffer) => !used || used.has(buffer.name));
  const stored = buffers.filter(({ access }) => access !== 'uniform');
  const uniforms = buffers.filter(({ access }) => access === 'uniform');
  if (uniforms.length > 1) fail(`the WGSL has ${uniforms.length} var<uniform>, expected at most one.`);
  const outputs = stored.filter(({ access }) => access === 'read_write').map((buffer) => buffer.name);
  if (outputs.length === 0) fail('the WGSL has no var<storage, read_write>, expected one for each output.');
  for (const output of outputs)
    if (!declared.writes(output)) fail(`the WGSL never writes ${output}, expected that of an output.`);
  const constants = constantsOf(name, declared.overrides, given.constants);

  const [uniform] = uniforms;
  const members = uniform ? membersOf(name, uniform, declared.structOf(uniform.type), given.params) : [];
  if (!uniform && given.params !== undefined && Object.keys(check.plain(name, 'params', given.params)).length > 0)
    fail('params are given, and the WGSL has no var<uniform> for them.');
  const ranged = RANGE.every((word, i) => members[i]?.name === word && members[i].type === 'u32');
  const own = ranged ? members.slice(RANGE.length) : members;
  const elements = Object.fromEntries(stored.map((buffer) => [buffer.name, elementOf(buffer.type, declared.structOf)]));
  const source: KernelSource = {
    name,
    key: JSON.stringify([name, wgsl, entryPoint, constants, buffers.map(({ binding }) => binding)]),
    entryPoint,
    constants,
    parts: [{ file: name, text: wgsl, explain: (line, _, message) => explained(name, wgsl, line, message) }],
    buffers: stored.map(({ name, binding, access }) => ({ name, binding, access: access as 'read' | 'read_write' })),
    params: {
      // What has none gets one that it does not use, at a number that it leaves free.
      binding: uniform?.binding ?? Math.max(-1, ...all.map(({ binding }) => binding)) + 1,
      bytes: Math.max(16, Math.ceil(members.length / 4) * 16),
      members,
    },
    tunables: {},
  };
  const called = { read: 'input', read_write: 'output' } as const;
  const wanted = { read: 'read', read_write: 'read_write' } as const;
  return {
    name,
    source,
    inputs: stored.filter(({ access }) => access === 'read').map((buffer) => buffer.name),
    outputs,
    elements,
    features,
    ranged,
    params(values) {
      const unknown = Object.keys(values).find((key) => !own.some((member) => member.name === key));
      const names = own.map((member) => member.name).join(', ') || 'none';
      if (unknown !== undefined) fail(`params has "${unknown}", which the WGSL's uniform lacks; it takes ${names}.`);
      return Object.fromEntries(
        own.map(({ name: key, type }) => {
          const value = values[key];
          if (type === 'f32') return [key, check.finite(name, `params.${key}`, value)];
          return [key, check.integer(name, `params.${key}`, value, ...INTEGERS[type])];
        }),
      );
    },
    refuseOthers(access, names) {
      const mine = stored.filter((buffer) => buffer.access === access).map((buffer) => buffer.name);
      for (const key of names) {
        if (mine.includes(key)) continue;
        const other = buffers.find((buffer) => buffer.name === key);
        if (other)
          fail(
            `${called[access]} "${key}" is var<${other.access === 'uniform' ? 'uniform' : `storage, ${other.access}`}> in the WGSL, expected var<storage, ${wanted[access]}>.`,
          );
        fail(`the WGSL has no binding "${key}" for an ${called[access]}; it has ${mine.join(', ') || 'none'}.`);
      }
      const missing = mine.find((key) => !names.includes(key));
      if (missing !== undefined) fail(`${called[access]} "${missing}" is missing.`);
    },
    wants: (key, { dtype }) => {
      const of = elements[key]?.of;
      return { dtype: dtype === 'f16' && of !== 'f16' ? 'f32' : dtype };
    },
    refuseMisfit(key, { shape, dtype, rowStride }) {
      const element = elements[key];
      if (!element) return;
      const what = `${key} [${shape.join(', ')}]`;
      // f16 is converted for a kernel that reads f32, and rows with a stride are packed; nothing else is.
      if (element.of !== null && element.of !== dtype && !(element.of === 'f32' && dtype === 'f16'))
        fail(`${what} holds ${dtype}, the WGSL declares ${element.of}.`);
      if (element.of === 'f16' && rowStride !== null)
        fail(`${what} has a rowStride of ${rowStride}, expected f16 without one; cast() it first.`);
      const bytes = shape.reduce((a, b) => a * b, element.of === 'f16' ? 2 : 4);
      const needed = element.bytes * (element.count ?? 1);
      if (bytes < needed) fail(`${what} has ${bytes} bytes, the WGSL declares at least ${needed}.`);
      if (element.count === null && bytes % element.bytes !== 0)
        fail(`${what} has ${bytes} bytes, the WGSL's elements have ${element.bytes} each: pad it to whole ones.`);
    },
  };
}

/** The numbers of the `override` declarations, by what a pipeline calls them. */
function constantsOf(op: string, overrides: readonly Override[], given: unknown): Record<string, number> {
  const values = check.plain(op, 'constants', given);
  const unknown = Object.keys(values).find((key) => !overrides.some(({ name }) => name === key));
  if (unknown !== undefined) check.fail(op, `constants has "${unknown}", which the WGSL does not declare by override.`);
  const lacking = overrides.find(({ name, needed }) => needed && values[name] === undefined);
  if (lacking) check.fail(op, `constants lacks "${lacking.name}", which the WGSL declares without a value.`);
  const set: Record<string, number> = {};
  for (const { name, key, type } of overrides) {
    const value = values[name];
    const called = `constants.${name}`;
    if (value === undefined) continue;
    if (type === 'bool' || (type === null && typeof value === 'boolean'))
      set[key] =
        typeof value === 'number' ? check.integer(op, called, value, 0, 1) : Number(check.flag(op, called, value));
    else if (type === 'u32' || type === 'i32') set[key] = check.integer(op, called, value, ...INTEGERS[type]);
    else set[key] = check.finite(op, called, value);
  }
  return set;
}

/** The buffers of the module, by the order that the author lists or the numbers that their attributes say. */
function bindingsOf(op: string, declared: readonly Declared[], listed: readonly string[] | undefined): Declared[] {
  const names = declared.map(({ name }) => name);
  const inOrder = [...declared].sort((a, b) => a.binding - b.binding);
  if (listed !== undefined) {
    if (!check.every(listed, (name) => typeof name === 'string'))
      check.fail(op, `${check.came('bindings', listed, 'is')}, expected an array of names.`);
    const unknown = listed.find((name) => !names.includes(name));
    if (unknown !== undefined) check.fail(op, `bindings has "${unknown}", which the WGSL does not declare.`);
    const left = names.find((name) => !listed.includes(name));
    if (left !== undefined) check.fail(op, `bindings lacks "${left}", which the WGSL declares.`);
  }
  for (const { name, group } of declared)
    if (group > 0) check.fail(op, `${name} is in group ${group}, expected all bindings in group 0.`);
  const numbered = declared.every(({ binding }) => !Number.isNaN(binding));
  if (!listed) {
    const [odd] = declared.filter(({ binding }) => Number.isNaN(binding));
    if (odd) check.fail(op, `the @binding of ${odd.name} is no number, expected bindings to list all names in order.`);
  } else if (numbered && inOrder.some(({ name }, i) => name !== listed[i]))
    check.fail(
      op,
      `bindings = ${listed.join(', ')}, expected ${inOrder.map(({ name }) => name).join(', ')}: the order of the WGSL's.`,
    );
  if (numbered) {
    const far = inOrder.find(({ binding }) => binding >= BINDINGS - 1); // one more is the parameters'
    if (far) check.fail(op, `${far.name} has binding ${far.binding}, expected less than ${BINDINGS - 1}.`);
    const twice = inOrder.find(({ binding }, i) => binding === inOrder[i + 1]?.binding);
    if (twice) check.fail(op, `the WGSL has binding ${twice.binding} twice, expected each once.`);
    return inOrder;
  }
  return (listed ?? []).map((name, binding) => ({ ...declared[names.indexOf(name)], binding }));
}

/** The layout of the uniform: numbers one after the other. */
function membersOf(
  op: string,
  { name: called, type }: Declared,
  struct: readonly Member[] | undefined,
  params: KernelDefinition['params'],
): ParamsMember[] {
  const listed = params === undefined ? undefined : Object.entries(check.plain(op, 'params', params));
  for (const [name, of] of listed ?? []) check.oneOf(op, `params.${name}`, of, PARAM_TYPES);
  const scalar = /^(?:array|mat)/.test(type) ? null : elementOf(type);
  // Without a struct, one number, or a vector of them by the names that the author gives.
  const inWGSL =
    struct ??
    Array.from({ length: (scalar?.bytes ?? 0) / 4 }, (_, i) => ({
      name: scalar?.bytes === 4 ? (listed?.[0]?.[0] ?? called) : (listed?.[i]?.[0] ?? `${called}${i}`),
      type: scalar?.of as string,
      placed: false,
    }));
  if (inWGSL.length === 0) check.fail(op, `the uniform ${called} is ${type}, expected a struct of f32, i32 and u32.`);
  const odd = inWGSL.find((member) => !PARAM_TYPES.includes(member.type as ParamType));
  if (odd) check.fail(op, `${type}.${odd.name} is ${odd.type} in the WGSL, expected f32, i32 or u32.`);
  const placed = inWGSL.find((member) => member.placed);
  if (placed) check.fail(op, `${type}.${placed.name} has @align or @size in the WGSL, expected members without.`);
  if (inWGSL.length > MOST_PARAMS)
    check.fail(op, `${type} has ${inWGSL.length} members, expected at most ${MOST_PARAMS}.`);
  if (listed) {
    const own = inWGSL.filter(({ name }) => !RANGE.includes(name));
    const given = listed.filter(([name]) => !RANGE.includes(name));
    for (let i = 0; i < Math.max(own.length, given.length); i++) {
      const [name, of] = given[i] ?? [];
      if (name === undefined) check.fail(op, `params lack "${own[i].name}", which ${type} of the WGSL has.`);
      if (!own[i]) check.fail(op, `params has "${name}", which ${type} of the WGSL lacks.`);
      if (own[i].name !== name)
        check.fail(op, `params has "${name}" where ${type} of the WGSL has "${own[i].name}", expected the same order.`);
      if (own[i].type !== of) check.fail(op, `params.${name} = "${of}", the WGSL declares ${own[i].type}.`);
    }
  }
  return inWGSL.map((member, i) => ({ name: member.name, type: member.type as ParamType, offset: 4 * i }));
}

/** A compiler's message with the author's own line: of joined text, that of the file that a `// @line` above it names. */
function explained(op: string, wgsl: string, line: number, message: string): string {
  const lines = wgsl.split('\n');
  let [file, number] = ['', line];
  for (let above = line - 1; above >= 0; above--) {
    const marked = /^\/\/ @line (\d+)(?: (\S+))?$/.exec(lines[above]);
    if (!marked) continue;
    file = marked[2] ?? '';
    number = Number(marked[1]) + line - above - 2;
    break;
  }
  const text = lines[line - 1]?.trim() ?? '';
  const where = file ? `${file}:${number}` : `line ${number}`;
  return `${op}: ${where}: ${message.split('\n', 1)[0].replace(/\.$/, '')}${text ? `, in "${text}"` : ''}.`;
}
