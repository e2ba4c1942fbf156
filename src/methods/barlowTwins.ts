import * as check from '../core/check.ts';
import type { Context } from '../core/context.ts';
import { createRandom } from '../core/random.ts';
import { barlowTwins as barlowTwinsLoss } from '../losses/barlowTwins.ts';
import { perceptron } from '../nn/networks.ts';
import { checkNetwork, encoderOf, guarded } from './guard.ts';
import type { Method, NetworkOptions, TwoStep } from './method.ts';
import { NETWORK, STREAM, tensorsOf, viewsOf } from './parts.ts';

export interface BarlowTwinsMethodOptions extends NetworkOptions {
  /** Weight of what lies off the diagonal. Default 0.0051; see `barlowTwins`. */
  readonly lambda?: number;
}

/**
 * Barlow Twins (Zbontar et al. 2021, arXiv 2103.03230): a wide projector of three layers, the last bare, whose features shall
 * agree between the views and say different things. Views go through the network one at a time.
 */
export function barlowTwins(context: Context, options: BarlowTwinsMethodOptions): Method {
  const given = check.options('barlowTwins', options, { ...NETWORK, hidden: 512, projection: 512, lambda: 0.0051 });
  checkNetwork('barlowTwins', context, given);
  check.weight('barlowTwins', 'lambda', given.lambda);
  const { features, hidden, projection, lambda } = given;
  const random = createRandom(given.seed, STREAM.online);
  const encoder = encoderOf('barlowTwins', context, random, given);
  const projector = perceptron(context, random, [features, hidden, hidden, projection]);
  const twoStep: TwoStep = {
    project: (batch) => viewsOf(batch, 2).map((view) => projector.forward(encoder.forward(view, true), true)),
    contrast: ([z0, z1]) => barlowTwinsLoss(z0, z1, { lambda }),
  };
  return guarded('barlowTwins', {
    name: 'barlow',
    wants: { views: 2, crops: 0, labels: false },
    ...tensorsOf({ encoder, projector }),
    twoStep,
    loss: (batch) => twoStep.contrast(twoStep.project(batch)),
    embed: (images) => context.noGrad(() => encoder.forward(images, false)),
  });
}
