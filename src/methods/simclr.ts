import * as check from '../core/check.ts';
import type { Context } from '../core/context.ts';
import { createRandom } from '../core/random.ts';
import { ntXent } from '../losses/ntXent.ts';
import { projectionHead } from '../nn/networks.ts';
import { slice } from '../ops/slice.ts';
import { checkNetwork, encoderOf, guarded } from './guard.ts';
import type { Method, NetworkOptions, TwoStep } from './method.ts';
import { NETWORK, STREAM, tensorsOf } from './parts.ts';

export interface SimCLROptions extends NetworkOptions {
  /** Default 0.15; see `ntXent`. */
  readonly temperature?: number;
  /** Without the projection head (false) the loss sees the embedding itself. Default true. */
  readonly head?: boolean;
}

/**
 * SimCLR (Chen et al. 2020, arXiv 2002.05709): encoder, projection head, NT-Xent between two augmented views. Both views
 * go through the network in one pass, so that batch norm sees all 2N images and cannot tell the pairs apart.
 */
export function simCLR(context: Context, options: SimCLROptions): Method {
  const given = check.options('simCLR', options, { ...NETWORK, temperature: 0.15, head: true });
  checkNetwork('simCLR', context, given);
  check.divisor('simCLR', 'temperature', given.temperature);
  const { features, hidden, projection, temperature } = given;
  const random = createRandom(given.seed, STREAM.online);
  const encoder = encoderOf('simCLR', context, random, given);
  const head = given.head ? projectionHead(context, random, features, hidden, projection) : null;
  const twoStep: TwoStep = {
    project: ({ views }) => {
      const h = encoder.forward(views, true);
      const z = head ? head.forward(h, true) : h;
      const n = views.shape[0] / 2;
      return [slice(z, 0, n), slice(z, n, 2 * n)];
    },
    contrast: ([z0, z1]) => ntXent(z0, z1, { temperature }),
  };
  return guarded('simCLR', {
    name: 'simclr',
    wants: { views: 2, crops: 0, labels: false },
    ...tensorsOf({ encoder, ...(head ? { head } : {}) }),
    twoStep,
    loss: (batch) => twoStep.contrast(twoStep.project(batch)),
    embed: (images) => context.noGrad(() => encoder.forward(images, false)),
  });
}
