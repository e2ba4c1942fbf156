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

/** A member of a struct. */
export interface Member {
  readonly name: string;
  /** Without spaces, aliases resolved. */
  readonly type: string;
  /** It says by `@align` or `@size` where it lies. */
  readonly placed: boolean;
}

/** A constant that is set when the pipeline is made. */
export interface Override {
  readonly name: string;
  /** What a pipeline calls it: its `@id`, or else its name. */
  readonly key: string;
  /** Null where the text does not say. */
  readonly type: 'f32' | 'f16' | 'i32' | 'u32' | 'bool' | null;
  /** It has no value of its own. */
  readonly needed: boolean;
}

export interface Declarations {
  readonly buffers: readonly Declared[];
  /** Bindings that are no buffers: textures and samplers. */
  readonly handles: readonly { readonly name: string; readonly type: string }[];
  readonly overrides: readonly Override[];
  readonly entryPoints: readonly string[];
  /** Members of a struct in their order; undefined where there is no struct of that name. */
  structOf(name: string): readonly Member[] | undefined;
  /** Whether `name` is ever assigned, counted up, or handed on by its address. */
  writes(name: string): boolean;
  /** Names that a function and those that it calls use. */
  usedBy(entryPoint: string): ReadonlySet<string>;
}

export type Scalar = 'f32' | 'i32' | 'u32' | 'f16';

/** What lies in a buffer. */
export interface Element {
  /** Null where numbers of several types lie side by side. */
  readonly of: Scalar | null;
  /** Bytes from one to the next, of no array all of them. */
  readonly bytes: number;
  /** How many at least; null where the length is the buffer's. */
  readonly count: number | null;
  readonly atomic: boolean;
}

const SCALARS: Readonly<Record<string, Scalar>> = { f: 'f32', i: 'i32', u: 'u32', h: 'f16' };

interface TypeLayout {
  readonly of: Scalar | null;
  readonly size: number;
  readonly align: number;
}

const padded = (size: number, align: number): number => Math.ceil(size / align) * align;

/** Sizes and alignments of WGSL; null of what this does not know, such as a length inside of it that is a constant's name. */
function layoutOf(type: string, structOf: Declarations['structOf']): TypeLayout | null {
  const plain = /^(?:atomic<)?(?:mat([234])x|vec)?([234])?(?:<?([fiu]32|f16)>?|([fiuh]))>?$/.exec(type);
  if (plain) {
    const [, columns = '1', lanes = '1', scalar, letter] = plain;
    const of = (scalar as Scalar | undefined) ?? SCALARS[letter];
    const one = of === 'f16' ? 2 : 4;
    const align = (lanes === '3' ? 4 : Number(lanes)) * one;
    const size = Number(lanes) * one;
    return { of, align, size: columns === '1' ? size : Number(columns) * padded(size, align) };
  }
  const array = /^array<(.+?)(?:,(\d+)[iu]?,?)?>$/.exec(type);
  if (array) {
    const inner = layoutOf(array[1], structOf);
    return inner && { ...inner, size: Number(array[2] ?? 1) * padded(inner.size, inner.align) };
  }
  const members = structOf(type);
  if (!members || members.some(({ placed }) => placed)) return null;
  const inner = members.map((member) => layoutOf(member.type, structOf));
  let [size, align] = [0, 1];
  for (const one of inner) {
    if (!one) return null;
    size = padded(size, one.align) + one.size;
    align = Math.max(align, one.align);
  }
  const [first] = inner;
  const of = inner.every((one) => one?.of === first?.of) ? (first?.of ?? null) : null;
  return { of, align, size: padded(size, align) };
}

/** Null where it cannot be told from the text. */
export function elementOf(type: string, structOf: Declarations['structOf'] = () => undefined): Element | null {
  const array = /^array<(.+?)(?:,(\w+),?)?>$/.exec(type);
  const layout = layoutOf(array ? array[1] : type, structOf);
  if (!layout) return null;
  const length = array?.[2];
  // Of a length that is a constant's name, this knows that it is 1 or more.
  const count = array && length === undefined ? null : Number.parseInt(length ?? '1', 10) || 1;
  const atomic = (array ? array[1] : type).startsWith('atomic<');
  return { of: layout.of, bytes: array ? padded(layout.size, layout.align) : layout.size, count, atomic };
}

const OVERRIDE = /(?:@id\s*\(\s*(\d+)[iu]?\s*,?\s*\)\s*)?\boverride\s+(\w+)\s*(?::\s*(\w+)\s*)?(?:=([^;]+))?;/g;

/** Of a literal; null of an expression. */
function typeOf(value: string): Override['type'] {
  if (/^(?:true|false)$/.test(value)) return 'bool';
  if (/^-?(?:0[xX][\da-fA-F]+|\d+)[iu]?$/.test(value)) return value.endsWith('u') ? 'u32' : 'i32';
  return /^-?[\d.]+(?:e[-+]?\d+)?f?$/i.test(value) ? 'f32' : null;
}

/** Lines and columns stay what they are. */
function withoutComments(wgsl: string): string {
  let depth = 0; // of block comments, which nest
  let line = false;
  return wgsl.replace(/\/\*|\*\/|\/\/|\n|[\s\S]/g, (part) => {
    if (part === '\n') line = false;
    else if (!line && part === '/*') depth++;
    else if (!line && part === '*/' && depth > 0) {
      depth--;
      return '  ';
    } else if (depth === 0 && part === '//') line = true;
    return part !== '\n' && (depth > 0 || line) ? ' '.repeat(part.length) : part;
  });
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
      [...body.matchAll(/([^,:]*?)(\w+)\s*:\s*((?:[^,<]|<(?:[^<>]|<[^>]*>)*>)+)/g)].map(
        (of): Member => ({ name: of[2], type: resolved(of[3]), placed: /@\s*(?:align|size)\b/.test(of[1]) }),
      ),
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
  const handles = [...text.matchAll(/\bvar\s+(\w+)\s*:\s*((?:texture|sampler)\w*[^;]*);/g)];
  return {
    buffers,
    handles: handles.map(([, name, type]) => ({ name, type: resolved(type) })),
    overrides: [...text.matchAll(OVERRIDE)].map(([, id, name, type, value]) => ({
      name,
      key: id ?? name,
      type: type ? (resolved(type) as Override['type']) : typeOf(value?.trim() ?? ''),
      needed: value === undefined,
    })),
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
