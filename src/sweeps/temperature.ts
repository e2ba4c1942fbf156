import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { temperature_grad } from '../gpu/kernels.generated.ts';
import { launchSum } from '../launch/reduce.ts';

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
  const { engine } = dy;
  const slope = engine.scratch(1, op);
  launchSum(engine, of, slope, { outer: 1, reduced: n, inner: 1, offset: at });
  const out = engine.empty(temperature.shape, op);
  engine.run(temperature_grad, {
    params: { factor: -factor },
    buffers: { dy, slope, temperature, out },
    groups: 1,
    work: 1,
  });
  slope.release();
  return out;
}
