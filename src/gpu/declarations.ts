// What a WGSL text declares at module scope, as far as an own kernel needs it. Bodies are left to the adapter's compiler.

/** A `var<storage>` or `var<uniform>`. */
export interface Declared {
  readonly name: string;
  /** As its attribute says; NaN where that is no literal. */
  readonly binding: number;
  readonly group: number;
  readonly access: 'read' | 'read_write' | 'uniform';
  /** Without spaces, aliases resolved. */
  readonly type: string;
}

export interface Declarations {
  readonly buffers: readonly Declared[];
  readonly overrides: readonly string[];
  readonly entryPoints: readonly string[];
  /** Members of a struct in their order; undefined where there is no struct of that name. */
  structOf(name: string): readonly { readonly name: string; readonly type: string }[] | undefined;
  /** Whether `name` is ever assigned, counted up, or handed on by its address. */
  writes(name: string): boolean;
  /** Names that a function and those that it calls use. */
  usedBy(entryPoint: string): ReadonlySet<string>;
}

/** What lies in a buffer. */
export interface Element {
  readonly of: 'f32' | 'i32' | 'u32' | 'f16';
  /** Bytes from one to the next. */
  readonly bytes: number;
  /** Of an array of fixed length, or of no array; null where the length is the buffer's. */
  readonly count: number | null;
  readonly atomic: boolean;
}

const SCALARS: Readonly<Record<string, Element['of']>> = { f: 'f32', i: 'i32', u: 'u32', h: 'f16' };

/** Null where it is something else than numbers, such as a struct. */
export function elementOf(type: string): Element | null {
  const array = /^array<(.+?)(?:,(\w+),?)?>$/.exec(type);
  const match = /^(atomic<)?(?:vec([234]))?(?:<?([fiu]32|f16)>?|([fiuh]))>?$/.exec(array ? array[1] : type);
  if (!match) return null;
  const [, atomic, lanes = '1', scalar, letter] = match;
  const of = (scalar as Element['of'] | undefined) ?? SCALARS[letter];
  const length = array?.[2];
  const count = array && length === undefined ? null : Number.parseInt(length ?? '1', 10);
  if (Number.isNaN(count)) return null; // a constant's name
  return {
    of,
    bytes: (lanes === '3' ? 4 : Number(lanes)) * (of === 'f16' ? 2 : 4),
    count,
    atomic: atomic !== undefined,
  };
}

/** Lines and columns stay what they are. */
function withoutComments(wgsl: string): string {
  return wgsl.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '));
}

export function declarationsOf(wgsl: string): Declarations {
  const text = withoutComments(wgsl);
  const aliases = new Map([...text.matchAll(/\balias\s+(\w+)\s*=([^;]+);/g)].map(([, name, type]) => [name, type]));
  const resolved = (type: string): string => {
    let plain = type;
    for (let depth = 0; depth < 4; depth++) plain = plain.replace(/\w+/g, (word) => aliases.get(word) ?? word);
    return plain.replace(/\s/g, '');
  };
  const structs = new Map(
    [...text.matchAll(/\bstruct\s+(\w+)\s*\{([^}]*)\}/g)].map(([, name, body]) => [
      name,
      [...body.matchAll(/(\w+)\s*:\s*((?:[^,<]|<[^>]*>)+)/g)].map((of) => ({ name: of[1], type: resolved(of[2]) })),
    ]),
  );
  const declared = text.matchAll(
    /((?:@\w+\s*(?:\([^)]*\))?\s*)*)\bvar\s*<\s*(storage|uniform)\s*(?:,\s*(\w+)\s*)?>\s*(\w+)\s*:([^;]+);/g,
  );
  const numberOf = (attributes: string, name: string): number =>
    Number(new RegExp(`@${name}\\s*\\(\\s*(\\d+)[iu]?\\s*,?\\s*\\)`).exec(attributes)?.[1] ?? Number.NaN);
  const buffers = [...declared].map(
    ([, attributes, space, access, name, type]): Declared => ({
      name,
      binding: numberOf(attributes, 'binding'),
      group: numberOf(attributes, 'group'),
      access: space === 'uniform' ? 'uniform' : access === 'read_write' ? 'read_write' : 'read',
      type: resolved(type),
    }),
  );
  return {
    buffers,
    overrides: [...text.matchAll(/\boverride\s+(\w+)/g)].map(([, name]) => name),
    entryPoints: [...text.matchAll(/@compute\b[^;{}]*?\bfn\s+(\w+)/g)].map(([, name]) => name),
    structOf: (name) => structs.get(name),
    writes: (name) =>
      new RegExp(
        `&\\s*\\(?\\s*${name}\\b|(?<![\\w.])${name}\\b[^;{}=]*(?:(?<![=!<>])=(?!=)|(?:<<|>>)=|\\+\\+|--)`,
      ).test(text.replace(/\bvar\s*<[^;]*;/g, '')),
    usedBy: (entryPoint) => {
      const bodies = new Map(text.split(/\bfn\s+(?=\w)/).map((body) => [/^\w*/.exec(body)?.[0], body]));
      const used = new Set<string>([entryPoint]);
      for (const name of used) for (const [word] of bodies.get(name)?.matchAll(/[a-zA-Z_]\w*/g) ?? []) used.add(word);
      return used;
    },
  };
}
