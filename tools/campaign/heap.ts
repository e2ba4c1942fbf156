import { readFileSync } from 'node:fs';

interface Snapshot {
  readonly snapshot: { readonly meta: { readonly node_fields: string[]; readonly node_types: [string[]] } };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

/** Bytes of a heap. */
export interface Sizes {
  /** What a program made: objects, arrays, closures, strings, numbers, shapes, and the memory of typed arrays. */
  readonly data: number;
  /** What V8 made to run it: bytecode, machine code, feedback, and weak lists of the code that depends on a shape. */
  readonly code: number;
}

/** Sums up a snapshot of V8's heap by who made what is there. */
export function sizes(path: string): Sizes {
  const { snapshot, nodes, strings } = JSON.parse(readFileSync(path, 'utf8')) as Snapshot;
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, name, size] = ['type', 'name', 'self_size'].map((field) => fields.indexOf(field));
  const sums = { data: 0, code: 0 };
  for (let i = 0; i < nodes.length; i += fields.length) {
    const own = types[0][nodes[i + type]] === 'code' || strings[nodes[i + name]] === 'system / WeakArrayList';
    sums[own ? 'code' : 'data'] += nodes[i + size];
  }
  return sums;
}
