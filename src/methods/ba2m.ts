import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { createRandom } from '../core/random.ts';
import { linear } from '../nn/layers.ts';
import type { BatchAttentionOptions } from '../ops/batchAttention.ts';
import { crossEntropy } from '../ops/crossEntropy.ts';
import { checkNetwork, encoderOf, guarded } from './guard.ts';
import type { Method, NetworkOptions } from './method.ts';
import { NETWORK, STREAM, tensorsOf } from './parts.ts';

export interface BA2MOptions extends Omit<NetworkOptions, 'hidden' | 'projection'> {
  /** Classes to tell apart. Default 10. */
  readonly classes?: number;
  /** Without the module (false): the same network, trained by plain cross-entropy. Default true, which an encoder of your own refuses. */
  readonly module?: boolean;
  /** Convolutions that the module stands behind, counted from 1. Default [3]. */
  readonly after?: readonly number[];
  /** Default 4, as these networks are narrow; the papers' 16 or 32. */
  readonly reduction?: number;
  /** Default `'N'`, so that the weights average 1 whatever the batch. */
  readonly rescale?: 'none' | 'N';
  /** What weighs a sample in evaluation. Default `'running'`: each by itself. */
  readonly inference?: 'batch' | 'uniform' | 'running';
}

/**
 * BA2M (Cheng et al. 2021, arXiv 2103.15099): a classifier whose samples are weighted, within the encoder, by how much attention each
 * draws in its batch. Trained with labels, on one augmented view; the linear classifier has no bias, as the paper's argument supposes.
 */
export function ba2m(context: Context, options: BA2MOptions): Method {
  const { hidden: _, projection: __, ...network } = NETWORK;
  const given = check.options('ba2m', options, {
    ...network,
    classes: 10,
    module: true,
    after: [3] as readonly number[],
    reduction: 4,
    rescale: 'N' as 'none' | 'N',
    inference: 'running' as NonNullable<BatchAttentionOptions['inference']>,
  });
  checkNetwork('ba2m', context, { ...given, hidden: 1, projection: 1 });
  check.integer('ba2m', 'classes', given.classes, 1, 2 ** 20);
  check.bindable('ba2m', context, [given.classes, given.features], 'lower classes or features');
  for (const [i, place] of check.places('ba2m', 'after', given.after).entries())
    check.integer('ba2m', `after[${i}]`, place, 1, 3);
  check.within('ba2m', 'reduction', given.reduction, 1, 2 ** 20);
  check.oneOf('ba2m', 'rescale', given.rescale, ['none', 'N']);
  check.oneOf('ba2m', 'inference', given.inference, ['batch', 'uniform', 'running']);
  if (given.encoder !== undefined && given.module)
    check.fail(
      'ba2m',
      'module = true, expected false with an encoder of your own; put batchAttentionLayer of gramian/nn into it.',
    );
  const { after, reduction, rescale, inference } = given;
  const random = createRandom(given.seed, STREAM.online);
  const attention = given.module ? { after, reduction, rescale, inference } : undefined;
  const encoder = encoderOf('ba2m', context, random, given, attention);
  const classifier = linear(context, random, given.features, given.classes);
  return guarded('ba2m', {
    name: given.module ? 'ba2m' : 'classifier',
    wants: { views: 1, crops: 0, labels: true },
    ...tensorsOf({ encoder, classifier }),
    loss: ({ views, labels }) => {
      if (!labels) check.fail('ba2m', 'labels are missing, expected a class number for each image.');
      return crossEntropy(classifier.forward(encoder.forward(views, true), true), labels);
    },
    embed: (images) => context.noGrad(() => encoder.forward(images, false)),
    scoresOf: 'classes',
    scores: (images) => context.noGrad(() => classifier.forward(encoder.forward(images, false), false)),
  });
}
