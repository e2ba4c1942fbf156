import type { Context } from '../core/context.ts';
import { fill } from '../core/fills.ts';
import type { Storage } from '../gpu/buffers.ts';
import { scaling_start } from '../gpu/kernels.generated.ts';
import type { Columns } from './rowPass.ts';
import { roundUp } from './tile.ts';

/**
 * Factors of a transport plan: P_ij = u_i w_j exp(score_ij) / (N M), each factor a pair (e, r) that stands for (1 + r) 2^e. This
 * is the scaling form, as fast; its factors never leave the range of f32, so it serves where only log potentials would.
 * Behind the pairs, of `count` rounded up to 4, there is room for as many plain numbers: see kernels/transport/narrow.wgsl.
 */
export type Scaling = Storage;

const LOG2E = Math.LOG2E;

/** All factors 1. */
export function startScaling(context: Context, op: string, count: number): Scaling {
  const padded = roundUp(count, 4);
  const u = context.scratch(3 * padded, op);
  context.run(scaling_start, {
    params: { count: padded },
    buffers: { u },
    groups: Math.ceil(padded / 256),
    work: padded,
  });
  return u;
}

/** Where the plain numbers of `count` factors start. */
export const plainAt = (count: number): number => 2 * roundUp(count, 4);

/** Where an iteration stands: on the GPU. At zero it goes on, without over-relaxation. */
export function startState(context: Context, op: string): Storage {
  const state = context.scratch(16, op);
  fill(context, state, 16, 0);
  return state;
}

/** A set of points (or unit rows, or prototypes) with its factors. */
export interface Side {
  readonly points: Columns;
  readonly u: Scaling;
}

/** Scores of all pairs: scale * s_ij, s the product or, with `distance`, the squared distance. */
export interface Scores {
  readonly depth: number;
  readonly scale: number;
  readonly distance: boolean;
  readonly cached?: CachedScores;
}

/** The distances, or the powers of two that the plan takes of them: [columns j of the plan, stride], rows i next to each other. */
export interface CachedScores {
  readonly of: Storage;
  readonly rows: Columns;
  readonly stride: number;
  /** One u32, what they are (FORM in kernels/transport/narrow.wgsl); on software adapters, where they may be powers. */
  readonly form: Storage | null;
  release(): void;
}

/** A scale in powers of two: its first 12 bits, so that products with such numbers are exact in f32, and the rest. */
export function splitScale(natural: number): { scale: number; rest: number } {
  const exact = natural * LOG2E;
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(exact))) - 11);
  const scale = Math.trunc(exact / unit) * unit;
  return { scale, rest: exact - scale };
}

export interface ScalingUpdate {
  /** Of the way to the factors that give the wanted marginal: 1, 1/2 for a symmetric plan, 0 to measure only. */
  readonly step?: number;
  /** epsilon / rho, 0 where the marginal is exact. */
  readonly kappa?: number;
  readonly state: Storage;
  /** What the marginals are above the wanted ones before the update, relative to 1 / N. */
  readonly excess: Storage;
  /** Whether `state` may say that there is nothing to do. */
  readonly conditional?: boolean;
}
