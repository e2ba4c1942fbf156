import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { Tensor } from '../core/tensor.ts';
import { countUp } from '../launch/gatherRows.ts';
import { withMatrices } from '../ops/reshape.ts';
import { checkQuery, rowContrast } from '../sweeps/rows/contrast.ts';

export interface InfoNCEOptions {
  /**
   * A number above 0, or a live one-element Tensor (which then gets a gradient). Default 0.07, MoCo's.
   * A larger one spreads the push over more negatives, a smaller one looks at the hardest.
   */
  temperature?: number | Tensor;
  /** [K, D] negatives from earlier batches; with it the other keys of this batch are none. */
  queue?: Tensor;
}

/**
 * InfoNCE, the loss of MoCo v1 and v2 (He et al. 2019, arXiv 1911.05722; Chen et al. 2020, arXiv 2003.04297).
 *
 * L = 1/N sum_i [ log sum_j exp(q_i.c_j / tau) - q_i.k_i / tau ] over unit rows. Columns c: the own key k_i and the K rows
 * of the queue; without a queue all N keys.
 * @param query [N, D] or [..., D] raw embeddings (normalised inside)
 * @param key [N, D] or [..., D]; row i is the positive of query row i
 * @returns one number; gradients flow to query and a live temperature. Key and queue are constants: exactly zero
 */
export function infoNCE(query: Tensor, key: Tensor, options?: InfoNCEOptions): Tensor {
  const op = 'infoNCE';
  const context = check.contextOf(op, { query, key });
  const { temperature, queue } = check.options(op, options, {
    temperature: 0.07 as number | Tensor,
    queue: undefined as Tensor | undefined,
  });
  if (queue !== undefined) check.contextOf(op, { query, queue });
  return contrastKeys(op, context, { query, key, queue }, check.temperature(op, temperature), 1);
}

/** The same with a factor, under another name. */
export function contrastKeys(
  op: string,
  context: Context,
  { query, key, queue }: { query: Tensor; key: Tensor; queue?: Tensor },
  temperature: number | Tensor,
  scale: number,
): Tensor {
  check.rows(op, 'query', query);
  check.sameShape(op, 'query', query, 'key', key);
  const live = temperature instanceof Tensor ? temperature : null;
  if (live) check.contextOf(op, { query, temperature: live });
  return withMatrices([query, key], (rows, own) => {
    const [n] = checkQuery(op, rows);
    if (queue) check.sameColumns(op, 'query', rows, 'queue', queue);
    const tau = live ?? context.constant(temperature as number);
    const columns = queue ?? own;
    const count = columns.shape[0];
    const positives = countUp(context, op, queue ? count : 0, n);
    const loss = rowContrast(
      op,
      [rows, own, ...(queue ? [queue] : []), ...(live ? [live] : [])],
      {
        own,
        columns,
        count,
        positives,
        temperature: { of: tau, count: 1, known: live ? undefined : (temperature as number) },
      },
      { scale, live },
    );
    positives.release();
    if (!live) tau.dispose();
    return loss;
  });
}
