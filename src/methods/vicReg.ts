import * as check from '../core/check.ts';
import type { Context } from '../core/context.ts';
import { createRandom } from '../core/random.ts';
import { vicReg as vicRegLoss } from '../losses/vicReg.ts';
import { perceptron } from '../nn/networks.ts';
import { checkNetwork, encoderOf, guarded } from './guard.ts';
import type { Method, NetworkOptions, TwoStep } from './method.ts';
import { NETWORK, STREAM, tensorsOf, viewsOf } from './parts.ts';

export interface VICRegMethodOptions extends NetworkOptions {
  /** Default 10; the paper's 25 leaves the views of small batches little but what they share. */
  readonly invariance?: number;
  /** Default 25; see `vicReg`. */
  readonly variance?: number;
  /** Default 1; see `vicReg`. */
  readonly covariance?: number;
}

/**
 * VICReg (Bardes et al. 2022, arXiv 2105.04906): a wide expander of three layers, the last bare; invariance, variance and
 * covariance terms at the scale of the official code. Views go through the network one at a time.
 */
export function vicReg(context: Context, options: VICRegMethodOptions): Method {
  const given = check.options('vicReg', options, {
    ...NETWORK,
    hidden: 512,
    projection: 512,
    invariance: 10,
    variance: 25,
    covariance: 1,
  });
  checkNetwork('vicReg', context, given);
  check.weight('vicReg', 'invariance', given.invariance);
  check.weight('vicReg', 'variance', given.variance);
  check.weight('vicReg', 'covariance', given.covariance);
  const { features, hidden, projection, invariance, variance, covariance } = given;
  const random = createRandom(given.seed, STREAM.online);
  const encoder = encoderOf('vicReg', context, random, given);
  const expander = perceptron(context, random, [features, hidden, hidden, projection]);
  const twoStep: TwoStep = {
    project: (batch) => viewsOf(batch, 2).map((view) => expander.forward(encoder.forward(view, true), true)),
    contrast: ([z0, z1]) => vicRegLoss(z0, z1, { invariance, variance, covariance }),
  };
  return guarded('vicReg', {
    name: 'vicreg',
    wants: { views: 2, crops: 0, labels: false },
    ...tensorsOf({ encoder, expander }),
    twoStep,
    loss: (batch) => twoStep.contrast(twoStep.project(batch)),
    embed: (images) => context.noGrad(() => encoder.forward(images, false)),
  });
}
