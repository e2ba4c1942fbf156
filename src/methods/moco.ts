import * as check from '../core/check.ts';
import type { Context } from '../core/context.ts';
import { createRandom, type Random } from '../core/random.ts';
import { infoNCE } from '../losses/infoNCE.ts';
import { mocoV3 } from '../losses/mocoV3.ts';
import { type Layer, sequential } from '../nn/layer.ts';
import { linear } from '../nn/layers.ts';
import { perceptron } from '../nn/networks.ts';
import { add } from '../ops/arithmetic.ts';
import { checkKeys, checkNetwork, encoderOf, type Given, guarded } from './guard.ts';
import type { Method, NetworkOptions } from './method.ts';
import { movingAverage } from './movingAverage.ts';
import { NETWORK, STREAM, tensorsOf, viewsOf } from './parts.ts';
import { fifoQueue } from './queue.ts';

export interface MoCoOptions extends NetworkOptions {
  /** Of the paper. Default 2. */
  readonly version?: 1 | 2 | 3;
  /** Default: 0.07 (version 1), 0.2 (2, and 3 as its recipe for AdamW has it; that for LARS has 1). */
  readonly temperature?: number;
  /**
   * Of the key encoder; default 0.99. The papers' 0.999 (1, 2) suits runs a hundred times as long. Version 3 ends at 1.
   * The larger, the slower the keys follow.
   */
  readonly momentum?: number;
  /** Length of the queue of versions 1 and 2. Default 4096; a longer one has more negatives, and older ones. */
  readonly queue?: number;
}

const TEMPERATURE = { 1: 0.07, 2: 0.2, 3: 0.2 } as const;

/**
 * MoCo v1 (He et al. 2019, arXiv 1911.05722), v2 (Chen et al. 2020, arXiv 2003.04297) and v3 (2021, arXiv 2104.02057): keys
 * come from an encoder that is a moving average of the query encoder. v1 and v2 contrast with a queue of older keys (v1
 * through a linear head, v2 through two layers without batch norm); v3 with the other view's keys of the batch, through
 * a predictor. Batch norm sees the whole batch, as in v3; the official v1 and v2 shuffle keys between devices instead.
 */
export function moCo(context: Context, options: MoCoOptions): Method {
  const given = check.options('moCo', options, {
    ...NETWORK,
    version: 2 as 1 | 2 | 3,
    temperature: undefined as number | undefined,
    momentum: 0.99,
    queue: 4096,
  });
  checkNetwork('moCo', context, given);
  const { version } = given;
  if (version !== 1 && version !== 2 && version !== 3)
    check.fail('moCo', `${check.came('version', version)}, expected 1, 2 or 3.`);
  checkKeys('moCo', context, given);
  if (given.temperature !== undefined) check.divisor('moCo', 'temperature', given.temperature);
  const settings = { ...given, temperature: given.temperature ?? TEMPERATURE[version] };
  return version === 3 ? predicting(context, settings) : queueing(context, settings, version);
}

type Settings = Omit<Given<MoCoOptions>, 'version'>;

function queueing(context: Context, given: Settings, version: 1 | 2): Method {
  const { seed, projection, temperature, momentum } = given;
  const query = queryNetwork('moCo', context, createRandom(seed, STREAM.online), given, version);
  const key = movingAverage(
    context,
    query,
    queryNetwork('moCo', context, createRandom(seed, STREAM.target), given, version),
    {
      momentum,
    },
  );
  const queue = fifoQueue(context, given.queue, projection, createRandom(seed, STREAM.queue));
  return guarded('moCo', {
    name: `moco-v${version}`,
    wants: { views: 2, crops: 0, labels: false },
    ...tensorsOf({ query, key, queue }),
    loss: (batch, place) => {
      const [asked, kept] = viewsOf(batch, 2);
      if (!place.part) key.update(place); // with the parameters that the last step left, as in the official code
      const keys = key.forward(kept);
      const loss = infoNCE(query.forward(asked, true), keys, { temperature, queue: queue.rows });
      queue.enqueue(keys); // only now: a key must not be its query's negative too
      return loss;
    },
    embed: (images) => context.noGrad(() => query.encoder.forward(images, false)),
  });
}

/** Encoder and head of MoCo v1 or v2; PCL's is that of v2. */
export function queryNetwork(
  op: string,
  context: Context,
  random: Random,
  given: Given<NetworkOptions>,
  version: 1 | 2,
): Layer & { encoder: Layer } {
  const { features, hidden, projection } = given;
  const encoder = encoderOf(op, context, random, given);
  const head =
    version === 1
      ? linear(context, random, features, projection, { bias: true })
      : perceptron(context, random, [features, hidden, projection], { norm: false });
  return { ...sequential({ encoder, head }), encoder };
}

function predicting(context: Context, given: Settings): Method {
  const { seed, features, hidden, projection, temperature, momentum } = given;
  const networkOf = (random: Random) => {
    const encoder = encoderOf('moCo', context, random, given);
    const projector = perceptron(context, random, [features, hidden, projection], { last: 'plain' });
    return { ...sequential({ encoder, projector }), encoder };
  };
  const random = createRandom(seed, STREAM.online);
  const query = networkOf(random);
  const predictor = perceptron(context, random, [projection, hidden, projection]);
  const key = movingAverage(context, query, networkOf(createRandom(seed, STREAM.target)), {
    momentum,
    schedule: 'cosine',
  });
  return guarded('moCo', {
    name: 'moco-v3',
    wants: { views: 2, crops: 0, labels: false },
    ...tensorsOf({ query, predictor, key }),
    loss: (batch, place) => {
      const views = viewsOf(batch, 2);
      const [q0, q1] = views.map((view) => predictor.forward(query.forward(view, true), true));
      if (!place.part) key.update(place);
      const [k0, k1] = views.map((view) => key.forward(view));
      return add(mocoV3(q0, k1, { temperature }), mocoV3(q1, k0, { temperature }));
    },
    embed: (images) => context.noGrad(() => query.encoder.forward(images, false)),
  });
}
