import { expect } from 'vitest';
import { expectClose, largest } from '../compare.ts';
import type { LossResult } from '../reference/losses/result.ts';
import { type Matrix, matrix, normalize } from '../reference/matrix.ts';
import { lossesInSingle } from '../reference/single.ts';
import { allowedAnyway, allowedBeside, type Errors, errorsOf, type Outcome } from './evaluate.ts';
import type { GoldenInputs, LossRow } from './row.ts';
import { LOSSES } from './table.ts';

const single = await lossesInSingle();
export const naiveOf = (loss: LossRow): LossRow => single[LOSSES.indexOf(loss)];
const UNBOUNDED: Errors = { value: Number.POSITIVE_INFINITY, gradient: Number.POSITIVE_INFINITY };

export interface Right {
  readonly temperature: number;
  /** In f64. */
  readonly wanted: LossResult;
  /** Without asking the naive version, which takes seconds for some. */
  readonly anyway: Errors;
  /** Twice the errors of the naive version in f32, and what it may be beside. */
  readonly beside: () => Errors;
}

// Products of pairs that the naive version is asked for: it takes seconds for more.
const NAIVE_WORK = 1e7;

export function rightOf(loss: LossRow, inputs: readonly Matrix[], temperature: number): Right {
  const wanted = loss.reference(inputs, temperature);
  const [{ rows, columns }] = inputs;
  let known: Errors | null = rows ** 2 * columns > NAIVE_WORK ? UNBOUNDED : null;
  const beside = (): Errors => (known ??= allowedBeside(naiveOf(loss), inputs, temperature, wanted));
  return { temperature, wanted, anyway: allowedAnyway(naiveOf(loss), temperature, wanted), beside };
}

/** Value within 1e-5 of max(|v|, 0.1), gradients within 1e-5 of their largest entry; looser as 1 / temperature grows. */
export function expectRight(loss: LossRow, what: string, outcome: Outcome, right: Right): void {
  const { wanted, anyway, beside, temperature } = right;
  const budget = 1e-5 * Math.max(1, 0.05 / temperature) * (loss.slack ?? 1);
  expectClose(`${what} value`, [outcome.value], [wanted.value], budget * Math.max(Math.abs(wanted.value), 0.1));
  wanted.gradients.forEach(({ data }, i) => {
    expectClose(`${what} gradient ${i}`, outcome.gradients[i], data, budget * largest(data) + 1e-30);
  });
  // A stop-gradient side has a gradient, and its bits are zero.
  for (const i of loss.stopped ?? [])
    expect(
      outcome.gradients[i].every((x) => x === 0),
      `${what} stopped ${i}`,
    ).toBe(true);
  const errors = errorsOf(outcome, wanted);
  if (errors.value <= anyway.value && errors.gradient <= anyway.gradient) return;
  const allowed = beside();
  expect(errors.value, `${what} error of the value, beside naive f32`).toBeLessThanOrEqual(allowed.value);
  expect(errors.gradient, `${what} error of the gradients, beside naive f32`).toBeLessThanOrEqual(allowed.gradient);
}

export const GOLDEN: GoldenInputs = (() => {
  const [n, d, k] = [6, 4, 5];
  const fill = (rows: number, f: (i: number, j: number) => number): Matrix =>
    matrix(
      rows,
      d,
      Array.from({ length: rows * d }, (_, t) => f(Math.floor(t / d), t % d)),
    );
  const first = (i: number, j: number): number => Math.sin(0.9 + 1.7 * i + 0.6 * j + 0.11 * i * j);
  return {
    a: fill(n, first),
    b: fill(n, (i, j) => first(i, j) + 0.3 * Math.cos(0.5 + 0.8 * i - 1.1 * j)),
    units: normalize(fill(k, (i, j) => Math.cos(0.4 + 0.9 * i + 0.7 * j + 0.05 * i * j))).u,
  };
})();
