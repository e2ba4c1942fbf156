import type { Work } from '../contender.ts';

type Numbers = Float32Array<ArrayBuffer>;

/** SupCon's labels as numbers that can be multiplied with, for the rows of all views below each other. */
export interface Positives {
  readonly n: number;
  readonly classes: number;
  /** [n, 1]: 1 for rows with a positive, else 0. */
  anchors(): Numbers;
  /** [n, 1]: 1 / positives, or 0. */
  inverseCounts(): Numbers;
  /** [n, classes] */
  oneHot(): Numbers;
  /** [n, n]: 1 / positives of the row for its positives, else 0. */
  share(): Numbers;
}

export function positivesOf({ inputs, labels = new Int32Array() }: Work): Positives {
  const n = Object.keys(inputs).length * labels.length;
  const classes = [...new Set(labels)];
  const label = (i: number): number => labels[i % labels.length];
  const counts = (): number[] => {
    const sizes = new Map<number, number>();
    for (let i = 0; i < n; i++) sizes.set(label(i), (sizes.get(label(i)) ?? 0) + 1);
    return Array.from({ length: n }, (_, i) => (sizes.get(label(i)) as number) - 1);
  };
  return {
    n,
    classes: classes.length,
    anchors: () => Float32Array.from(counts(), (count) => Math.min(count, 1)),
    inverseCounts: () => Float32Array.from(counts(), (count) => (count > 0 ? 1 / count : 0)),
    oneHot: () => {
      const hot = new Float32Array(n * classes.length);
      for (let i = 0; i < n; i++) hot[i * classes.length + classes.indexOf(label(i))] = 1;
      return hot;
    },
    share: () => {
      const share = new Float32Array(n * n);
      counts().forEach((count, i) => {
        for (let j = 0; j < n; j++) if (i !== j && label(i) === label(j)) share[i * n + j] = 1 / count;
      });
      return share;
    },
  };
}
