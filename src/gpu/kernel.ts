/** One WGSL file as the generator found it. */
export interface KernelPart {
  readonly file: string;
  readonly text: string;
  /** Where the text is a caller's: what to say of a compiler's message, line and column counted from 1. */
  readonly explain?: (line: number, column: number, message: string) => string;
}

/** A piece that another stands for where a tuning has the constant `by`: the way into another family of kernels. */
export interface KernelSwap {
  readonly by: string;
  readonly file: string;
  /** The piece instead, and what it uses. */
  readonly parts: readonly KernelPart[];
}

/** A piece that own kernels may use. */
export interface KernelPiece {
  readonly part: KernelPart;
  /** What it uses itself, by name. */
  readonly uses: readonly string[];
  readonly swaps: readonly KernelSwap[];
}

/** A member of a kernel's `Params` struct, where WGSL lays it out. */
export interface ParamsMember {
  readonly name: string;
  readonly type: 'u32' | 'i32' | 'f32';
  readonly offset: number;
}

/**
 * A kernel as `tools/generate.ts` reflects it from the files of `kernels/`: its text and that of the pieces it `@use`s, its
 * bindings by their WGSL names, and the layout of its `Params`. One pure constant per kernel, so that a bundle carries
 * only the kernels that it imports.
 */
export interface KernelSource {
  readonly name: string;
  /** What tells it from other kernels of that name, where a caller chose the name. */
  readonly key?: string;
  /** `main` where it is not said. */
  readonly entryPoint?: string;
  /** Values of `override` declarations. */
  readonly constants?: Readonly<Record<string, number>>;
  readonly parts: readonly KernelPart[];
  readonly buffers: readonly {
    readonly name: string;
    readonly binding: number;
    readonly access: 'read' | 'read_write';
  }[];
  readonly params: { readonly binding: number; readonly bytes: number; readonly members: readonly ParamsMember[] };
  readonly tunables: Readonly<Record<string, { readonly value: number; readonly allowed: readonly number[] }>>;
  readonly swaps?: readonly KernelSwap[];
}

const BUFFER = /@binding\((\d+)\) ?var<storage, ?(\w+)> ?(\w+)/g;
const TUNABLES = /^const (\w+): u32 = (\d+)u?; \/\/ @tune (.+)$/gm;

/**
 * A kernel of these parts. What its text declares is read from there when it is asked for: saying it again would be a tenth of
 * what a page loads. That WGSL lays `Params` out as it is read here, `tools/generate.ts` makes sure of.
 */
export function declared(name: string, parts: readonly KernelPart[], swaps: readonly KernelSwap[] = []): KernelSource {
  let known: ReturnType<typeof declarationsIn> | undefined;
  const read = () => {
    known ??= declarationsIn(parts.map(({ text }) => text).join('\n'));
    return known;
  };
  return {
    name,
    parts,
    get buffers() {
      return read().buffers;
    },
    get params() {
      return read().params;
    },
    get tunables() {
      return read().tunables;
    },
    swaps,
  };
}

function declarationsIn(text: string): Pick<KernelSource, 'buffers' | 'params' | 'tunables'> {
  const [, struct = ''] = /^struct Params ?\{([^}]*)\}/m.exec(text) ?? [];
  const members = [...struct.matchAll(/(\w+): ?(\w+)/g)].map(
    ([, member, type], i): ParamsMember => ({ name: member, type: type as ParamsMember['type'], offset: 4 * i }),
  );
  return {
    buffers: [...text.matchAll(BUFFER)].map(([, binding, access, name]) => ({
      name,
      binding: Number(binding),
      access: access as 'read' | 'read_write',
    })),
    params: { binding: 0, bytes: 16 * Math.ceil(members.length / 4), members },
    tunables: Object.fromEntries(
      [...text.matchAll(TUNABLES)].map(([, id, value, allowed]) => [
        id,
        { value: Number(value), allowed: allowed.trim().split(/\s+/).map(Number) },
      ]),
    ),
  };
}

/** Values for a kernel's `@tune` constants; those left out keep the number that the file states. */
export type Tuning = Readonly<Record<string, number>>;

/** Values for the members of a kernel's `Params`, but for `first_group` and `end_group`, which the launch fills in. */
export type Params = Readonly<Record<string, number>>;

/** The value that a `@tune` constant will have under `tuning`. */
export function tuned(kernel: KernelSource, name: string, tuning: Tuning = {}): number {
  const value = tuning[name] ?? kernel.tunables[name]?.value;
  if (value === undefined) throw new RangeError(`${kernel.name}: no tunable is named ${name}.`);
  return value;
}

const layouts = new WeakMap<KernelSource, Map<string, ParamsMember>>();

/** Members of `Params` by name, without the range of groups, which each launch fills in. */
function layoutOf(kernel: KernelSource): Map<string, ParamsMember> {
  const known = layouts.get(kernel);
  if (known) return known;
  const named = kernel.params.members.map((member) => [member.name, member] as const);
  const layout = new Map(named.filter(([name]) => name !== 'first_group' && name !== 'end_group'));
  layouts.set(kernel, layout);
  return layout;
}

/**
 * Writes `values` at the offsets that WGSL gives the members of `Params`; a missing or unknown name is an error. What is
 * not among them is the range of groups, which each launch fills in.
 */
export function packParams(kernel: KernelSource, values: Params, into: DataView, at: number): void {
  const layout = layoutOf(kernel);
  let known = 0;
  // Over the values and not over the members: reading by a name that varies is slow.
  for (const name in values) {
    const value = values[name];
    const member = layout.get(name);
    if (!member)
      throw new TypeError(`${kernel.name}: no parameter is named "${name}"; it has ${[...layout.keys()].join(', ')}.`);
    if (value === undefined) break;
    known++;
    const { type, offset } = member;
    if (type === 'f32') into.setFloat32(at + offset, value, true);
    else if (
      !Number.isInteger(value) ||
      value < (type === 'u32' ? 0 : -(2 ** 31)) ||
      value >= 2 ** (type === 'u32' ? 32 : 31)
    )
      throw new RangeError(`${kernel.name}: parameter ${name} = ${value}, expected a ${type}.`);
    else if (type === 'u32') into.setUint32(at + offset, value, true);
    else into.setInt32(at + offset, value, true);
  }
  if (known === layout.size) return;
  const missing = [...layout.keys()].find((name) => values[name] === undefined);
  throw new TypeError(`${kernel.name}: parameter "${missing}" is missing.`);
}
