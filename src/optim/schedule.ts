import * as check from '../core/check.ts';

export interface CosineOptions {
  /** Learning rate at the end of the warm-up. */
  peak: number;
  /** Steps of linear rise from 0, which itself is skipped; 0 for none. Need not be whole. */
  warmupSteps: number;
  /** Where the cosine ends; more steps fall more slowly. */
  totalSteps: number;
  /** Learning rate at `totalSteps` and after; default 0. */
  final?: number;
}

/**
 * Linear warm-up, then half a cosine down to `final` (arXiv 1608.03983).
 * @returns the learning rate of a step; steps count from 0
 */
export function cosineSchedule(options: CosineOptions): (step: number) => number {
  const op = 'cosineSchedule';
  const { peak, warmupSteps, totalSteps, final } = check.options(op, options, {
    peak: check.REQUIRED as number,
    warmupSteps: check.REQUIRED as number,
    totalSteps: check.REQUIRED as number,
    final: 0,
  });
  check.nonNegative(op, 'peak', peak);
  check.nonNegative(op, 'final', final);
  check.nonNegative(op, 'warmupSteps', warmupSteps);
  if (!(check.finite(op, 'totalSteps', totalSteps) > warmupSteps))
    check.fail(op, `totalSteps = ${totalSteps}, expected more than the ${warmupSteps} of the warm-up.`);
  return (step) => {
    check.nonNegative(op, 'step', step);
    if (step + 1 < warmupSteps) return (peak * (step + 1)) / warmupSteps;
    const past = Math.min(1, Math.max(0, step - warmupSteps) / (totalSteps - warmupSteps));
    return final + ((peak - final) * (1 + Math.cos(Math.PI * past))) / 2;
  };
}

/**
 * Momentum of a moving average that rises from `start` to 1 along half a cosine (BYOL, MoCo v3, DINO):
 * 1 - (1 - start) (1 + cos(pi step / totalSteps)) / 2.
 * @returns the momentum of a step; steps count from 0
 */
export function momentumSchedule(options: { start: number; totalSteps: number }): (step: number) => number {
  const op = 'momentumSchedule';
  const { start, totalSteps } = check.options(op, options, {
    start: check.REQUIRED as number,
    totalSteps: check.REQUIRED as number,
  });
  check.within(op, 'start', start, 0, 1);
  check.positive(op, 'totalSteps', totalSteps);
  return (step) => {
    check.nonNegative(op, 'step', step);
    return 1 - ((1 - start) * (1 + Math.cos((Math.PI * Math.min(step, totalSteps)) / totalSteps))) / 2;
  };
}
