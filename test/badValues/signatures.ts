import type { Kind } from './kinds.ts';
import type { World } from './world.ts';

/** What one export takes. A new export needs a row, or its test fails. */
export interface Signature {
  /** In their order, by the names that sentences use. */
  readonly args: Readonly<Record<string, Kind>>;
  /** How it is called; default: the export itself with its arguments. */
  readonly call?: (world: World, args: readonly unknown[]) => unknown;
  /** What sentences begin with; default: the export's name. `any`: the op inside that refuses says its own name. */
  readonly op?: string | 'any';
  /** With right values it would do more than a test of arguments should: open a device, read files, measure. */
  readonly heavy?: boolean;
  /** Something is made before it is called, which may launch. */
  readonly made?: boolean;
}

export type Signatures = Readonly<Record<string, Signature>>;

/** A row of the arguments alone, the way most exports need it. */
export const takes = (args: Signature['args'], rest: Omit<Signature, 'args'> = {}): Signature => ({ args, ...rest });
