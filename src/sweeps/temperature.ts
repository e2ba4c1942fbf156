import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { temperature_grad } from '../gpu/kernels.generated.ts';
import { launchSum } from '../launch/reduce.ts';

// exp(-2/tau) must stay a normal f32 for one constant shift of 1/tau to serve every entry.
const SMALLEST_SHIFTED_TEMPERATURE = 2 / 87;

/**
 * How exponentials are kept in range: by one shift for all, by a maximum for each row, or by a maximum of logits that are
 * made of differences of rows. Those cost half as much again, and have digits enough for the gradient of a live temperature,
 * which is a sum of differences of scores: where rows share a direction, products leave it none.
 */
export type Exponentials = 'shift' | 'maximum' | 'gaps';

/** Of a temperature that is a number or lives on the GPU. */
export function exponentials(temperature: number | Tensor): Exponentials {
  if (typeof temperature !== 'number') return 'gaps';
  return canShift(temperature) ? 'shift' : 'maximum';
}

/** Whether one constant shift serves every entry at this temperature. */
export function canShift(temperature: number): boolean {
  return temperature >= SMALLEST_SHIFTED_TEMPERATURE;
}

/** Per row d loss_i / d log(1 / temperature): n floats from `at` on. */
export interface Slopes {
  readonly of: Storage;
  readonly at: number;
}

/** d loss / d temperature of loss = factor * sum_i loss_i. */
export function temperatureGradient(
  op: string,
  { of, at }: Slopes,
  n: number,
  factor: number,
  dy: Tensor,
  temperature: Tensor,
): Tensor {
  const { context } = dy;
  const slope = context.scratch(1, op);
  launchSum(context, of, slope, { outer: 1, reduced: n, inner: 1, offset: at });
  const out = context.empty(temperature.shape, op);
  context.run(temperature_grad, {
    params: { factor: -factor },
    buffers: { dy, slope, temperature, out },
    groups: 1,
    work: 1,
  });
  slope.release();
  return out;
}
