/** One WGSL file as the generator found it. */
export interface KernelPart {
  readonly file: string;
  readonly text: string;
  /** Where the text is a caller's: what to say of a compiler's message, line and column counted from 1. */
  readonly explain?: (line: number, column: number, message: string) => string;
}

/** A member of a kernel's `Params` struct, where WGSL lays it out. */
export interface ParamsMember {
  readonly name: string;
  readonly type: 'u32' | 'i32' | 'f32';
  readonly offset: number;
}

/**
 * A kernel as `tools/generate.ts` reflects it from `kernels/NAME.wgsl`: its text and that of the pieces it `@use`s, its
 * bindings by their WGSL names, and the layout of its `Params`. One pure constant per kernel, so that a bundle carries
 * only the kernels that it imports.
 */
export interface KernelSource {
  readonly name: string;
  readonly parts: readonly KernelPart[];
  readonly buffers: readonly {
    readonly name: string;
    readonly binding: number;
    readonly access: 'read' | 'read_write';
  }[];
  readonly params: { readonly binding: number; readonly bytes: number; readonly members: readonly ParamsMember[] };
  readonly tunables: Readonly<Record<string, { readonly value: number; readonly allowed: readonly number[] }>>;
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

/**
 * Writes `values` at the offsets that WGSL gives the members of `Params`; a missing or unknown name is an error, but for
 * the range of groups, which each launch fills in.
 */
export function packParams(kernel: KernelSource, values: Params, into: DataView, at: number): void {
  const { members } = kernel.params;
  let known = 0;
  for (const { name, type, offset } of members) {
    const value = values[name];
    if (value === undefined) {
      if (name === 'first_group' || name === 'end_group') continue;
      throw new TypeError(`${kernel.name}: parameter "${name}" is missing.`);
    }
    known++;
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
  const names = Object.keys(values);
  if (names.length === known) return;
  const unknown = names.find((name) => !members.some((member) => member.name === name));
  throw new TypeError(
    `${kernel.name}: no parameter is named "${unknown}"; it has ${members.map((m) => m.name).join(', ')}.`,
  );
}
