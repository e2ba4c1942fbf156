import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { Tensor } from '../core/tensor.ts';

const MOST_CLASSES = 2 ** 20;

/** Class numbers: on the CPU, where they are looked at, or on the GPU as i32 or u32, where they are with `check: true`. */
export type Labels = Int32Array | Tensor;

/** Class numbers on the GPU, one for each of `rows`, which may lie as their `leading` dimensions; the caller disposes of the tensor. */
export function labelTensor(
  op: string,
  name: string,
  labels: unknown,
  context: Context,
  { rows, leading, classes }: { rows: number; leading?: readonly number[]; classes: number },
): Tensor {
  if (!(labels instanceof Tensor)) return context.tensor(checkLabels(op, name, labels, rows, classes));
  checkLabelTensor(op, name, labels, context, rows, leading);
  context.inspectLabels(op, name, labels, classes);
  return context.alias(labels, [rows], false);
}

/** Refuses a tensor that does not hold a label for each row. */
export function checkLabelTensor(
  op: string,
  name: string,
  labels: Tensor,
  context: Context,
  rows: number,
  leading: readonly number[] = [rows],
): void {
  const { dtype, shape } = labels;
  if (labels.context !== context) check.fail(op, `${name} live on another device than the other tensors.`);
  check.alive(op, name, labels);
  if (dtype !== 'i32' && dtype !== 'u32')
    check.fail(op, `${name} hold ${dtype}, expected i32 or u32 (or an Int32Array).`);
  const like = (wanted: readonly number[]): boolean => shape.join() === wanted.join();
  if (!like([rows]) && !like(leading))
    check.fail(
      op,
      `${name} is [${shape.join(', ')}], expected [${leading.join(', ')}]${leading.length > 1 ? ` or [${rows}]` : ''}, one a row.`,
    );
  context.assertComputed(labels.memory);
  labels.refresh();
}

/** Class numbers: one for each of `rows`, each an integer in [0, classes). */
export function checkLabels(
  op: string,
  name: string,
  labels: unknown,
  rows: number,
  classes: number,
): Int32Array<ArrayBuffer> {
  if (!(labels instanceof Int32Array)) check.fail(op, `${check.came(name, labels, 'are')}, expected an Int32Array.`);
  if (labels.length !== rows) check.fail(op, `${name} has ${labels.length} numbers, expected ${rows}, one a row.`);
  for (let i = 0; i < rows; i++)
    if (labels[i] < 0 || labels[i] >= classes)
      check.fail(op, `${name}[${i}] = ${labels[i]}, expected an integer in [0, ${classes}).`);
  return labels as Int32Array<ArrayBuffer>;
}

/** One more than the largest label; what is no list of labels counts for nothing here, and is refused by `checkLabels`. */
function numberOfClasses(...lists: readonly unknown[]): number {
  let most = 0;
  for (const labels of lists)
    if (labels instanceof Int32Array) for (const label of labels) most = Math.max(most, label);
  return most + 1;
}

/** Class numbers in place of numbers that may lie anywhere: 0, 1, ... in the order of size. */
export interface Compact {
  readonly lists: Int32Array<ArrayBuffer>[];
  /** What stands behind each class number, ascending. */
  readonly numbers: Int32Array<ArrayBuffer>;
}

/** What is counted by class must cost as much as there are classes, not as the largest number says. */
export function compactLabels(...lists: readonly Int32Array[]): Compact {
  const numbers = Int32Array.from(new Set(lists.flatMap((list) => [...new Set(list)]))).sort();
  const places = new Map(Array.from(numbers, (number, place) => [number, place]));
  return { lists: lists.map((list) => Int32Array.from(list, (number) => places.get(number) as number)), numbers };
}

/** What the options of an evaluation have no defaults for. */
export const JUDGED = {
  train: check.REQUIRED as Tensor,
  trainLabels: check.REQUIRED as Int32Array,
  test: check.REQUIRED as Tensor,
  testLabels: check.REQUIRED as Int32Array,
};

/**
 * The labels of two lists and how many classes they are of: as given, or else one more than the largest label; labels that lie
 * further apart than there are rows are compacted.
 */
export function labelsOf(
  op: string,
  given: number | undefined,
  { trainLabels, testLabels }: { trainLabels: Int32Array; testLabels: Int32Array },
  [known, asked]: readonly [known: number, asked: number],
): { train: Int32Array<ArrayBuffer>; test: Int32Array<ArrayBuffer>; classes: number; numbers: Int32Array | null } {
  const classes =
    given === undefined
      ? numberOfClasses(trainLabels, testLabels)
      : check.integer(op, 'classes', given, 1, MOST_CLASSES);
  const train = checkLabels(op, 'trainLabels', trainLabels, known, classes);
  const test = checkLabels(op, 'testLabels', testLabels, asked, classes);
  if (given !== undefined || classes <= known + asked) return { train, test, classes, numbers: null };
  const { lists, numbers } = compactLabels(train, test);
  return { train: lists[0], test: lists[1], classes: numbers.length, numbers };
}
