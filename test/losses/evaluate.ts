import { expect } from 'vitest';
import type { Engine, Tensor } from '../../src/index.ts';
import { distance, largest } from '../compare.ts';
import type { LossResult } from '../reference/losses/result.ts';
import type { Matrix } from '../reference/matrix.ts';
import type { LossRow } from './row.ts';

export interface Outcome {
  readonly value: number;
  readonly gradients: Float32Array[];
  /** Of a live temperature. */
  readonly temperature: number;
}

/** Relative to max(|value|, 0.1), and to the largest entry of each gradient. */
export interface Errors {
  readonly value: number;
  readonly gradient: number;
}

export function tensorsOf(engine: Engine, inputs: readonly Matrix[]): Tensor[] {
  return inputs.map(({ data, rows, columns }) =>
    engine.tensor(Float32Array.from(data), [rows, columns], { requiresGrad: true }),
  );
}

/** Runs a loss and its backward pass on the engine. */
export async function evaluate(
  engine: Engine,
  loss: LossRow,
  inputs: readonly Matrix[],
  temperature: number,
  live = false,
): Promise<Outcome> {
  const tensors = tensorsOf(engine, inputs);
  const tau = live ? engine.tensor([temperature], [1], { requiresGrad: true }) : null;
  const result = loss.run(tensors, tau ?? temperature);
  expect(result.shape).toEqual([]);
  result.backward();
  const value = await result.item();
  const gradients = await Promise.all(tensors.map((tensor) => (tensor.grad as Tensor).data()));
  const slope = tau ? await (tau.grad as Tensor).item() : 0;
  for (const tensor of [...tensors, result, ...(tau ? [tau] : [])]) tensor.dispose();
  return { value, gradients, temperature: slope };
}

/** How far off an outcome of the kernels is, and one of the naive version in f32. */
export function errorsOf(
  { value, gradients }: { value: number; gradients: readonly ArrayLike<number>[] },
  wanted: LossResult,
): Errors {
  const apart = wanted.gradients.map(({ data }, i) => distance(gradients[i], data) / (largest(data) || 1));
  return {
    value: Math.abs(value - wanted.value) / Math.max(Math.abs(wanted.value), 0.1),
    gradient: Math.max(...apart),
  };
}

/** What errors may be whatever the naive version's are: what WGSL leaves to exp and log, some 3 + 2 |x| and 3 units in the last place. */
export function allowedAnyway({ slack = 1, exponent }: LossRow, temperature: number, wanted: LossResult): Errors {
  const floor = (3 + 2 * (exponent?.(temperature) ?? 1 / temperature)) * 2 ** -23 * slack;
  // Nor does a loss near zero keep more than its log's absolute error.
  const least = 2 ** -21 / Math.max(Math.abs(wanted.value), 0.1);
  return { value: Math.max(floor, least), gradient: floor };
}

/** What errors may be: twice those of the naive version (see reference/single.ts), beyond what is allowed anyway. */
export function allowedBeside(
  naive: LossRow,
  inputs: readonly Matrix[],
  temperature: number,
  wanted: LossResult,
): Errors {
  const { value, gradient } = errorsOf(outcomeOf(naive.reference(inputs, temperature)), wanted);
  const anyway = allowedAnyway(naive, temperature, wanted);
  const { gradient: floor } = anyway;
  // What is no number any more in f32 allows everything.
  const allowed = (error: number): number => (Number.isFinite(error) ? 2 * error + floor : Number.POSITIVE_INFINITY);
  return { value: Math.max(allowed(value), anyway.value), gradient: allowed(gradient) };
}

/** What a reference gives as an outcome. */
export const outcomeOf = ({ value, gradients }: LossResult): { value: number; gradients: Float64Array[] } => ({
  value,
  gradients: gradients.map(({ data }) => data),
});
