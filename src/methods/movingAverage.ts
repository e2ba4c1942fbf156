import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { copyInto } from '../core/fills.ts';
import type { Tensor } from '../core/tensor.ts';
import { moving_average } from '../gpu/kernels.generated.ts';
import type { Layer } from '../nn/layer.ts';
import { momentumSchedule } from '../optim/schedule.ts';
import { checkPlace } from './guard.ts';
import type { Place } from './method.ts';
import type { Part } from './parts.ts';

export interface MovingAverageOptions {
  /** What stays of the average at every step, in [0, 1]; the first of a schedule. */
  readonly momentum: number;
  /** `'constant'` (default), or `'cosine'`: up to 1 at the end of training. */
  readonly schedule?: 'constant' | 'cosine';
  /** `'copy'` (default): starts as the online network. `'own'`: as it was made. */
  readonly start?: 'copy' | 'own';
}

/** A network whose parameters follow those of another. */
export interface MovingAverage extends Part {
  /** With the batch's own moments, which update the running ones, and without a tape: a constant for every loss. */
  forward(x: Tensor): Tensor;
  /** With the running moments. */
  embed(x: Tensor): Tensor;
  /** parameters = m parameters + (1 - m) online parameters, with the momentum m of that place. */
  update(place: Place): void;
}

/**
 * The momentum encoder of MoCo and the target network of BYOL: the parameters are an exponential moving average of those
 * of `online`; running moments of batch norm are the network's own.
 * @param average a network like `online`; what it learns is overwritten
 */
export function movingAverage(
  context: Context,
  online: Layer,
  average: Layer,
  options: MovingAverageOptions,
): MovingAverage {
  const op = 'movingAverage';
  const { momentum, schedule, start } = check.options(op, options, {
    momentum: check.REQUIRED as number,
    schedule: 'constant' as NonNullable<MovingAverageOptions['schedule']>,
    start: 'copy' as NonNullable<MovingAverageOptions['start']>,
  });
  check.context(op, context);
  check.layer(op, 'online', online);
  check.layer(op, 'average', average);
  check.within(op, 'momentum', momentum, 0, 1);
  check.oneOf(op, 'start', start, ['copy', 'own']);
  check.oneOf(op, 'schedule', schedule, ['constant', 'cosine']);
  const names = Object.keys(online.parameters);
  for (const name of names) {
    const [own, other] = [online.parameters[name], average.parameters[name]];
    check.contextOf(op, { [`online.${name}`]: own, [`average.${name}`]: other });
    check.writable(op, `average.${name}`, other);
    if (own.memory === other.memory)
      check.fail(op, `average.${name} is the same tensor as online.${name}, expected another, as it is written.`);
    check.sameShape(op, `online.${name}`, own, `average.${name}`, other);
  }
  if (start === 'copy')
    for (const name of names) copyInto(context, average.parameters[name], online.parameters[name], 0);
  context.opEnded();
  // On the GPU, so that a step launches the same work whatever the momentum.
  const rate = context.unscoped(() => context.tensor([1 - momentum]));
  const momentumOf = ({ step, totalSteps }: Place): number => momentumSchedule({ start: momentum, totalSteps })(step);
  return {
    parameters: {},
    buffers: { ...average.parameters, ...average.buffers, rate },
    forward: (x) => context.noGrad(() => average.forward(x, true)),
    embed: (x) => context.noGrad(() => average.forward(x, false)),
    update(place) {
      checkPlace(op, place);
      if (schedule === 'cosine') rate.write(Float32Array.of(1 - momentumOf(place)));
      for (const name of names) {
        const own = average.parameters[name];
        context.run(moving_average, {
          params: { count: own.size },
          buffers: { rate, online: online.parameters[name], average: own },
          groups: Math.ceil(own.size / 256),
          work: 2 * own.size,
        });
      }
      context.opEnded();
    },
  };
}
