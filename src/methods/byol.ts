import * as check from '../core/check.ts';
import type { Context } from '../core/context.ts';
import { createRandom, type Random } from '../core/random.ts';
import { byol as byolLoss } from '../losses/byol.ts';
import { varianceTerm } from '../losses/vicReg.ts';
import { sequential } from '../nn/layer.ts';
import { perceptron } from '../nn/networks.ts';
import { add, mul } from '../ops/arithmetic.ts';
import { checkNetwork, encoderOf, guarded } from './guard.ts';
import type { Method, NetworkOptions } from './method.ts';
import { movingAverage } from './movingAverage.ts';
import { NETWORK, STREAM, tensorsOf, viewsOf } from './parts.ts';

export interface BYOLOptions extends NetworkOptions {
  /**
   * Of the target at the first step; it rises to 1 along a cosine. Default 0.9: the paper's 0.97 and more are for runs of many thousand steps.
   * The larger, the slower the target follows.
   */
  readonly momentum?: number;
  /** Weight of VICReg's variance term on the online projections, which BYOL itself does not have. Default 0. */
  readonly variance?: number;
}

/**
 * BYOL (Grill et al. 2020, arXiv 2006.07733): a predictor on the online network meets the target network's projection of the
 * other view. The target is a moving average of the online network, moved after the optimiser's step, and begins with weights
 * of its own, as in the official code.
 */
export function byol(context: Context, options: BYOLOptions): Method {
  const given = check.options('byol', options, {
    ...NETWORK,
    hidden: 512,
    projection: 128,
    momentum: 0.9,
    variance: 0,
  });
  checkNetwork('byol', context, given);
  check.within('byol', 'momentum', given.momentum, 0, 1);
  check.weight('byol', 'variance', given.variance);
  const { seed, features, hidden, projection, momentum, variance } = given;
  const networkOf = (random: Random) => {
    const encoder = encoderOf('byol', context, random, given);
    const projector = perceptron(context, random, [features, hidden, projection]);
    return { ...sequential({ encoder, projector }), encoder };
  };
  const random = createRandom(seed, STREAM.online);
  const online = networkOf(random);
  const predictor = perceptron(context, random, [projection, hidden, projection]);
  const target = movingAverage(context, online, networkOf(createRandom(seed, STREAM.target)), {
    momentum,
    schedule: 'cosine',
    start: 'own',
  });
  return guarded('byol', {
    name: 'byol',
    wants: { views: 2, crops: 0, labels: false },
    ...tensorsOf({ online, predictor, target }),
    loss: (batch) => {
      const views = viewsOf(batch, 2);
      const [z0, z1] = views.map((view) => online.forward(view, true));
      const [p0, p1] = [z0, z1].map((z) => predictor.forward(z, true));
      const [t0, t1] = views.map((view) => target.forward(view));
      const loss = add(byolLoss(p0, t1), byolLoss(p1, t0));
      if (variance === 0) return loss;
      return add(loss, mul(add(varianceTerm(z0), varianceTerm(z1)), variance / 2));
    },
    afterStep: (place) => target.update(place),
    embed: (images) => context.noGrad(() => online.encoder.forward(images, false)),
  });
}
