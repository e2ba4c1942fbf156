import * as check from '../core/check.ts';
import type { Context } from '../core/context.ts';
import { createRandom } from '../core/random.ts';
import { supCon as supConLoss } from '../losses/supCon.ts';
import { perceptron } from '../nn/networks.ts';
import { slice } from '../ops/slice.ts';
import { checkNetwork, encoderOf, guarded } from './guard.ts';
import type { Method, NetworkOptions, TwoStep } from './method.ts';
import { NETWORK, STREAM, tensorsOf } from './parts.ts';

export interface SupConMethodOptions extends NetworkOptions {
  /** Default 0.1; see `supCon`. */
  readonly temperature?: number;
  /** Default `'out'`; see `supCon`. */
  readonly form?: 'out' | 'in';
}

/**
 * SupCon (Khosla et al. 2020, arXiv 2004.11362), stage one: the encoder learns to pull all views of a class together, through
 * a head without batch norm. Stage two, a linear classifier on the frozen encoder, is `linearProbe` of gramian/eval.
 */
export function supCon(context: Context, options: SupConMethodOptions): Method {
  const given = check.options('supCon', options, { ...NETWORK, temperature: 0.1, form: 'out' as 'out' | 'in' });
  checkNetwork('supCon', context, given);
  check.divisor('supCon', 'temperature', given.temperature);
  check.oneOf('supCon', 'form', given.form, ['out', 'in']);
  const { features, hidden, projection, temperature, form } = given;
  const random = createRandom(given.seed, STREAM.online);
  const encoder = encoderOf('supCon', context, random, given);
  const head = perceptron(context, random, [features, hidden, projection], { norm: false });
  const twoStep: TwoStep = {
    project: ({ views }) => {
      const z = head.forward(encoder.forward(views, true), true);
      const n = views.shape[0] / 2;
      return [slice(z, 0, n), slice(z, n, 2 * n)];
    },
    contrast: (views, labels) => {
      if (!labels) check.fail('supCon', 'labels are missing, expected a class number for each image.');
      return supConLoss([...views], labels, { temperature, form });
    },
  };
  return guarded('supCon', {
    name: 'supcon',
    wants: { views: 2, crops: 0, labels: true },
    ...tensorsOf({ encoder, head }),
    twoStep,
    loss: (batch) => twoStep.contrast(twoStep.project(batch), batch.labels),
    embed: (images) => context.noGrad(() => encoder.forward(images, false)),
  });
}
