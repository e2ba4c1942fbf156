import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { copyInto } from '../core/fills.ts';
import type { Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { normalize } from '../ops/normalize.ts';
import type { Part } from './parts.ts';

/** Learned directions that embeddings are compared with. */
export interface PrototypeLayer extends Part {
  /** [K, D] */
  readonly weight: Tensor;
  /** Puts every row back on the unit sphere, in place and outside of the gradient. */
  renormalize(): void;
}

/** SwAV's prototype layer: K rows without bias, from random directions. */
export function prototypeLayer(context: Context, random: Random, count: number, features: number): PrototypeLayer {
  const op = 'prototypeLayer';
  check.context(op, context);
  check.random(op, random);
  check.integer(op, 'count', count, 1, 2 ** 20);
  check.integer(op, 'features', features, 1, 2 ** 20);
  check.bindable(op, context, [count, features]);
  const values = Float32Array.from({ length: count * features }, () => random.gaussian());
  const weight = context.unscoped(() => context.tensor(values, [count, features], { requiresGrad: true }));
  const renormalize = (): void => {
    context.scope(() => {
      copyInto(
        context,
        weight,
        context.noGrad(() => normalize(weight)),
        0,
      );
    });
    context.opEnded();
  };
  renormalize();
  return { parameters: { weight }, buffers: {}, weight, renormalize };
}
