import * as check from '../core/checkTensor.ts';
import { copyInto } from '../core/fills.ts';
import type { Tensor } from '../core/tensor.ts';
import { launchSum } from '../launch/reduce.ts';

/**
 * The tensors one after the other along the first dimension, as a copy.
 * @param list [N_k, ...], all equal behind the first dimension
 */
export function concat(list: readonly Tensor[]): Tensor {
  const op = 'concat';
  if (!Array.isArray(list)) check.fail(op, `${check.came('list', list, 'is')}, expected an array of Tensors.`);
  if (list.length === 0) check.fail(op, 'list is empty, expected at least one Tensor.');
  const context = check.contextOf(op, check.tensors(op, 'list', list));
  const [, ...rest] = list[0].shape;
  list.forEach((part, i) => {
    const [rows, ...own] = part.shape;
    if (rows === undefined || own.join() !== rest.join())
      check.fail(
        op,
        `list[${i}] is [${part.shape.join(', ')}], expected [${['N', ...rest].join(', ')}] to match list[0].`,
      );
  });
  const y = context.empty([list.reduce((total, part) => total + part.shape[0], 0), ...rest], op);
  const starts: number[] = [];
  list.reduce((at, part) => {
    copyInto(context, y, part, at);
    starts.push(at);
    return at + part.size;
  }, 0);
  return context.record(op, list, y, {
    backward: (dy) =>
      list.map(({ shape, size }, i) => {
        const dx = context.empty(shape, op);
        launchSum(context, dy, dx, { outer: 1, reduced: 1, inner: size, offset: starts[i] });
        return dx;
      }),
  });
}
