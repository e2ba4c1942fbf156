import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { copyInto } from '../core/fills.ts';
import { Tensor } from '../core/tensor.ts';
import { gatherRows } from '../launch/gatherRows.ts';
import { checkLabels, type Labels, labelTensor } from '../ops/labels.ts';
import { withMatrices } from '../ops/reshape.ts';
import { checkQuery, rowContrast } from '../sweeps/rows/contrast.ts';

export interface Prototypes {
  /** [K, D] raw (normalised inside) */
  centroids: Tensor;
  /** [K], each centroid's temperature, above 0 */
  concentrations: Tensor;
  /**
   * N centroid numbers: the positive of each row. An Int32Array, or a tensor of i32 or u32 that stays on the GPU: then
   * `negatives` are left out (`'paper'`), or given (`'official'`), as nobody here can tell which centroids have no row.
   */
  assignments: Labels;
  /** Centroid numbers. Default: all that no row is assigned to. */
  negatives?: Labels;
}

export interface ProtoNCEOptions {
  /** `'paper'` (default): each centroid is one column. `'official'`: a column a row, repeats kept, then the negatives. */
  convention?: 'paper' | 'official';
}

/**
 * The prototype term of ProtoNCE at one granularity, the loss of PCL (Li et al. 2020, arXiv 2005.04966).
 *
 * L = 1/N sum_i [ log sum_j exp(q_i.c_j / phi_j) - q_i.c_a(i) / phi_a(i) ] over unit rows; columns j: the centroids that the
 * batch is assigned to, and the negatives. `'official'`, as salesforce/PCL, keeps a column for every row of the batch, so
 * that rows of one cluster repel what attracts them.
 * @param query [N, D] or [..., D] raw embeddings (normalised inside)
 * @returns one number; the gradient flows to query. Centroids and concentrations are constants: exactly zero
 */
export function protoNCE(query: Tensor, prototypes: Prototypes, options?: ProtoNCEOptions): Tensor {
  const op = 'protoNCE';
  const nothing = { centroids: undefined, concentrations: undefined, assignments: undefined, negatives: undefined };
  const given = check.options(op, prototypes, nothing as unknown as Prototypes, 'prototypes');
  const { centroids, concentrations } = given;
  const context = check.contextOf(op, { query, centroids, concentrations });
  const { convention } = check.options(op, options, { convention: 'paper' as 'paper' | 'official' });
  check.oneOf(op, 'convention', convention, ['paper', 'official']);
  check.rows(op, 'query', query);
  const leading = query.shape.slice(0, -1);
  const core = (rows: Tensor): Tensor => {
    const [n, d] = checkQuery(op, rows);
    check.sameColumns(op, 'query', rows, 'centroids', centroids);
    const k = centroids.shape[0];
    if (concentrations.shape.length !== 1 || concentrations.size !== k)
      check.fail(op, `concentrations is [${concentrations.shape.join(', ')}], expected [${k}], one for each centroid.`);
    check.bindableInput(op, context, 'centroids', centroids);
    const { columns, own, positives } = columnsFrom(op, context, given, { n, k, leading, convention });
    const count = columns.size;
    const keys = gatherRows(context, op, centroids, d, columns);
    const ownKeys = gatherRows(context, op, centroids, d, own);
    const temperatures = gatherRows(context, op, concentrations, 1, columns);
    const loss = rowContrast(
      op,
      [rows, centroids, concentrations],
      {
        own: ownKeys,
        columns: keys,
        count,
        positives,
        temperature: { of: temperatures, count },
      },
      { scale: 1, live: null },
    );
    for (const storage of [keys, ownKeys, temperatures]) storage.release();
    return loss;
  };
  return context.scope(() => withMatrices([query], core));
}

interface Columns {
  /** Centroid of each column. */
  readonly columns: Tensor;
  /** Centroid of each row. */
  readonly own: Tensor;
  /** Column of each row's. */
  readonly positives: Tensor;
}

function columnsFrom(
  op: string,
  context: Context,
  { assignments, negatives }: Prototypes,
  { n, k, leading, convention }: { n: number; k: number; leading: readonly number[]; convention: 'paper' | 'official' },
): Columns {
  const upload = (numbers: Int32Array): Tensor => context.tensor(numbers);
  if (!(assignments instanceof Tensor) && !(negatives instanceof Tensor)) {
    checkLabels(op, 'assignments', assignments, n, k);
    if (negatives !== undefined) checkLabels(op, 'negatives', negatives, negatives?.length, k);
    const { ids, positives } = columnsOf(assignments, k, negatives, convention);
    return { columns: upload(ids), own: upload(assignments), positives: upload(positives) };
  }
  if ((convention === 'official') !== (negatives !== undefined))
    check.fail(
      op,
      `negatives ${negatives ? 'came' : 'are missing'} beside assignments on the GPU, expected them with convention "official" alone.`,
    );
  const on = (name: string, labels: Labels, rows: number, shape?: readonly number[]): Tensor =>
    labelTensor(op, name, labels, context, { rows, leading: shape, classes: k });
  const own = on('assignments', assignments, n, leading);
  if (negatives === undefined) {
    const all = upload(Int32Array.from({ length: k }, (_, c) => c));
    return { columns: all, own, positives: own };
  }
  const others = on('negatives', negatives, negatives instanceof Tensor ? negatives.size : negatives?.length);
  const columns = context.empty([n + others.size], op, 'i32');
  copyInto(context, columns, own, 0);
  copyInto(context, columns, others, n);
  return { columns, own, positives: upload(Int32Array.from({ length: n }, (_, i) => i)) };
}

/** The centroids that are columns, in order, and the column that is each row's positive. */
function columnsOf(
  assignments: Int32Array,
  k: number,
  negatives: Int32Array | undefined,
  convention: 'paper' | 'official',
): { ids: Int32Array; positives: Int32Array } {
  const assigned = new Set(assignments);
  const others = negatives ?? Array.from({ length: k }, (_, c) => c).filter((c) => !assigned.has(c));
  if (convention === 'official')
    return { ids: Int32Array.from([...assignments, ...others]), positives: assignments.map((_, i) => i) };
  const ids = [...new Set([...assigned, ...others])];
  const columnOf = new Map(ids.map((c, column) => [c, column]));
  return { ids: Int32Array.from(ids), positives: assignments.map((c) => columnOf.get(c) ?? 0) };
}
