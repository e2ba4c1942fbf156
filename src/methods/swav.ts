import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { createRandom } from '../core/random.ts';
import { swav as swavLoss } from '../losses/swav.ts';
import { perceptron } from '../nn/networks.ts';
import { matmul } from '../ops/matmul.ts';
import { normalize } from '../ops/normalize.ts';
import { checkNetwork, encoderOf, guarded, MOST_ROWS } from './guard.ts';
import type { Method, NetworkOptions, Place } from './method.ts';
import { multiCrop } from './multiCrop.ts';
import { NETWORK, progressOf, STREAM, tensorsOf } from './parts.ts';
import { prototypeLayer } from './prototypes.ts';
import { fifoQueue } from './queue.ts';

export interface SwAVMethodOptions extends NetworkOptions {
  /** Default 256: about ten times as many as classes. */
  readonly prototypes?: number;
  /** Default 0.1; see `swav`. */
  readonly temperature?: number;
  /** Default 0.05; see `swav`. */
  readonly epsilon?: number;
  /** Small views beside the two large ones. Default 0: half of an image of 28 pixels no longer shows what it is of. The paper has 6. */
  readonly crops?: number;
  /**
   * Older embeddings of each large view that help to balance the codes. Default 1024; 0 for none. A longer one
   * balances over more, older images.
   */
  readonly queue?: number;
  /** Share of the training after which the queue begins to fill. Default 0.1; it is used once it is full. */
  readonly queueStart?: number;
  /** Share of the training during which the prototypes stay where they are. Default 0.02. */
  readonly freeze?: number;
}

/**
 * SwAV (Caron et al. 2020, arXiv 2006.09882): every view predicts the codes of the two large ones. In a step: prototypes back
 * onto the sphere, embeddings, codes with the queue as it was, loss, enqueue; while they are frozen, prototypes get no
 * gradient, so that neither momentum nor decay moves them.
 */
export function swav(context: Context, options: SwAVMethodOptions): Method {
  const given = check.options('swav', options, {
    ...NETWORK,
    prototypes: 256,
    temperature: 0.1,
    epsilon: 0.05,
    crops: 0,
    queue: 1024,
    queueStart: 0.1,
    freeze: 0.02,
  });
  checkNetwork('swav', context, given);
  check.integer('swav', 'prototypes', given.prototypes, 1, 2 ** 20);
  check.bindable('swav', context, [given.prototypes, given.projection], 'lower prototypes or projection');
  check.divisor('swav', 'temperature', given.temperature);
  check.divisor('swav', 'epsilon', given.epsilon);
  check.integer('swav', 'crops', given.crops, 0, 16);
  check.integer('swav', 'queue', given.queue, 0, MOST_ROWS);
  check.bindable('swav', context, [given.queue, given.projection], 'take a shorter queue');
  check.within('swav', 'queueStart', given.queueStart, 0, 1);
  check.within('swav', 'freeze', given.freeze, 0, 1);
  const { seed, features, hidden, projection, temperature, epsilon, crops } = given;
  const random = createRandom(seed, STREAM.online);
  const encoder = encoderOf('swav', context, random, given);
  const head = perceptron(context, random, [features, hidden, projection]);
  const prototypes = prototypeLayer(context, createRandom(seed, STREAM.prototypes), given.prototypes, projection);
  const queues = given.queue > 0 ? [0, 1].map(() => fifoQueue(context, given.queue, projection)) : [];
  const startOf = ({ totalSteps }: Place): number => Math.round(given.queueStart * totalSteps);
  return guarded('swav', {
    name: 'swav',
    wants: { views: 2, crops, labels: false },
    ...tensorsOf({
      encoder,
      head,
      prototypes,
      ...Object.fromEntries(queues.map((queue, a) => [`queue${a}`, queue])),
    }),
    loss: (batch, place) => {
      prototypes.renormalize();
      const z = multiCrop(encoder, head, batch, 2);
      const rows = z[0].shape[0];
      const begun = place.step - startOf(place);
      const full = queues.length > 0 && begun * rows >= given.queue;
      const frozen = progressOf(place) < given.freeze;
      const loss = swavLoss(z, frozen ? prototypes.weight.detach() : prototypes.weight, {
        temperature,
        epsilon,
        queue: full ? [queues[0].rows, queues[1].rows] : undefined,
      });
      if (begun >= 0) queues.forEach((queue, a) => void queue.enqueue(z[a]));
      return loss;
    },
    embed: (images) => context.noGrad(() => encoder.forward(images, false)),
    scoresOf: 'prototypes',
    scores: (images) =>
      context.noGrad(() =>
        matmul(normalize(head.forward(encoder.forward(images, false), false)), prototypes.weight, { transposeB: true }),
      ),
  });
}
