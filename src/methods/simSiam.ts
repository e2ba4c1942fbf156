import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { createRandom } from '../core/random.ts';
import { simSiam as simSiamLoss } from '../losses/simSiam.ts';
import { perceptron } from '../nn/networks.ts';
import { add } from '../ops/arithmetic.ts';
import { checkNetwork, encoderOf, guarded } from './guard.ts';
import type { Method, NetworkOptions } from './method.ts';
import { NETWORK, STREAM, tensorsOf, viewsOf } from './parts.ts';

export interface SimSiamOptions extends NetworkOptions {
  /** Width of the predictor's hidden layer; default: that of the projection, where the paper's networks have a quarter of it. */
  readonly bottleneck?: number;
  /**
   * Of the predictor: `'constant'` (default), as for the published numbers (the official code's `--fix-pred-lr`), or
   * `'scheduled'` like that of all else, the official code's default.
   */
  readonly predictorRate?: 'constant' | 'scheduled';
}

/**
 * SimSiam (Chen & He 2020, arXiv 2011.10566): the predictor's output of one view meets the projection of the other, which is a
 * constant there; no negatives, no moving average. Views go through the network one at a time.
 */
export function simSiam(context: Context, options: SimSiamOptions): Method {
  const given = check.options('simSiam', options, {
    ...NETWORK,
    hidden: 512,
    projection: 512,
    bottleneck: undefined as number | undefined,
    predictorRate: 'constant' as 'constant' | 'scheduled',
  });
  checkNetwork('simSiam', context, given);
  check.oneOf('simSiam', 'predictorRate', given.predictorRate, ['constant', 'scheduled']);
  const { features, hidden, projection } = given;
  const { bottleneck = projection } = given;
  check.integer('simSiam', 'bottleneck', bottleneck, 1, 2 ** 20);
  check.bindable('simSiam', context, [bottleneck, projection], 'lower bottleneck or projection');
  const random = createRandom(given.seed, STREAM.online);
  const encoder = encoderOf('simSiam', context, random, given);
  const projector = perceptron(context, random, [features, hidden, hidden, projection], { last: 'plain' });
  const predictor = perceptron(context, random, [projection, bottleneck, projection], { bias: true });
  return guarded('simSiam', {
    name: 'simsiam',
    wants: { views: 2, crops: 0, labels: false },
    ...tensorsOf({ encoder, projector, predictor }),
    ...(given.predictorRate === 'constant' ? { heldRate: (name: string) => name.startsWith('predictor.') } : {}),
    loss: (batch) => {
      const [z0, z1] = viewsOf(batch, 2).map((view) => projector.forward(encoder.forward(view, true), true));
      const [p0, p1] = [z0, z1].map((z) => predictor.forward(z, true));
      return add(simSiamLoss(p0, z1), simSiamLoss(p1, z0));
    },
    embed: (images) => context.noGrad(() => encoder.forward(images, false)),
  });
}
