import type { Engine, Tensor } from '../../src/index.ts';

/** What comes in, and the whole sentence that comes out. */
export type BadInput = readonly [bad: () => unknown, sentence: string];

/** What the rows are made with. */
export interface Given {
  readonly engine: () => Engine;
  /** A tensor of ones, whatever the shape. */
  readonly ones: (...shape: number[]) => Tensor;
}

/** Rows of one family: errors.test.ts runs each in a scope, which frees what it made before it failed. */
export type BadInputs = (given: Given) => Record<string, BadInput>;

export const any = (value: unknown): never => value as never;
