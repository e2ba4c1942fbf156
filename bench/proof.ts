import type { Expected, Work } from './contender.ts';

export interface Proof {
  /** Largest error of all outputs, each relative to its scale. */
  readonly error: number;
  /** Why the contender is not timed; null where it is right. */
  readonly refusal: string | null;
}

/** Compares what a contender computed with f64. Nothing that fails here is timed. */
export function prove(
  work: Work,
  expected: Readonly<Record<string, Expected>>,
  outputs: Readonly<Record<string, ArrayLike<number>>>,
): Proof {
  const allowed = work.tolerance ?? 0;
  let error = 0;
  let refusal: string | null = null;
  for (const [name, { at, values, scale }] of Object.entries(expected)) {
    const given = outputs[name];
    const length = at ? largestOf(at) + 1 : values.length;
    // Numbers that nothing is compared with are no proof.
    if (!given || (at ? given.length < length : given.length !== length)) {
      refusal ??= `${work.name}: ${name} has ${given?.length ?? 'no'} numbers, expected ${length}`;
      error = Number.POSITIVE_INFINITY;
      continue;
    }
    for (let i = 0; i < values.length; i++) {
      const place = at ? at[i] : i;
      const off = Math.abs(given[place] - values[i]) / scale;
      const apart = Number.isFinite(off) ? off : Number.POSITIVE_INFINITY;
      error = Math.max(error, apart);
      if (apart > allowed)
        refusal ??= `${work.name}: ${name}[${place}] = ${given[place]}, expected ${values[i]} within ${allowed * scale}`;
    }
  }
  return { error, refusal };
}

function largestOf(list: ArrayLike<number>): number {
  let top = 0;
  for (let i = 0; i < list.length; i++) top = Math.max(top, list[i]);
  return top;
}
