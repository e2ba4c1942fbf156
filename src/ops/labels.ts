import * as check from '../core/check.ts';

/** Class numbers: one for each of `rows`, each an integer in [0, classes). */
export function checkLabels(
  op: string,
  name: string,
  labels: unknown,
  rows: number,
  classes: number,
): Int32Array<ArrayBuffer> {
  if (!(labels instanceof Int32Array)) check.fail(op, `${name} are ${check.say(labels)}, expected an Int32Array.`);
  if (labels.length !== rows) check.fail(op, `${name} has ${labels.length} numbers, expected ${rows}, one a row.`);
  for (let i = 0; i < rows; i++)
    if (labels[i] < 0 || labels[i] >= classes)
      check.fail(op, `${name}[${i}] = ${labels[i]}, expected an integer in [0, ${classes}).`);
  return labels as Int32Array<ArrayBuffer>;
}

/** One more than the largest label; what is no list of labels counts for nothing here, and is refused by `checkLabels`. */
export function numberOfClasses(...lists: readonly unknown[]): number {
  let most = 0;
  for (const labels of lists)
    if (labels instanceof Int32Array) for (const label of labels) most = Math.max(most, label);
  return most + 1;
}
