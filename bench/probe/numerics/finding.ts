import type { Expression, Value } from './ask.ts';

/** One line of what an adapter does. */
export interface Finding {
  readonly group: string;
  readonly name: string;
  /** On numbers that came through a buffer. */
  readonly found: string;
  /** On constants, where that is something else; else empty. */
  readonly constants: string;
  /** What WGSL asks for. */
  readonly wgsl: string;
  /** Whether that is so here; null where WGSL leaves it open. */
  readonly kept: boolean | null;
  /** For whoever writes a kernel. */
  readonly means: string;
  /** Another number every time. */
  readonly varies?: true;
}

/** What is asked by expressions, and how their values are read. */
export interface Question {
  /** Default: the expressions themselves, with their numbers. */
  readonly name?: string;
  readonly cases: readonly Expression[];
  /** WGSL refuses such constants. */
  readonly runtime?: true;
  /** Default: the values. */
  readonly found?: (values: number[]) => string;
  readonly wgsl: string;
  /** Whether WGSL is kept; left out where it asks for nothing. */
  readonly kept?: (values: number[]) => boolean;
  readonly means: (values: number[]) => string;
}

/** A truth value counts as 0 or 1. */
export const asNumbers = (values: readonly Value[]): number[] => values.map(Number);

export const OPEN = 'anything, where a number is not finite';

const of =
  (kind: Expression['of'], gives: Expression['gives']) =>
  (expr: string, inputs: readonly number[], helper?: string): Expression => ({
    expr,
    inputs,
    of: kind,
    gives,
    helper,
  });

export const f32 = of('f32', 'f32');
export const truth = of('f32', 'bool');
export const bits = of('f32', 'bits');
export const toI32 = of('f32', 'i32');
export const toU32 = of('f32', 'u32');
export const i32 = of('i32', 'i32');
export const u32 = of('u32', 'u32');
export const fromI32 = of('i32', 'f32');
export const fromU32 = of('u32', 'f32');
export const fromBits = of('u32', 'f32');
