/** What a list of times says; all in the unit of the list. */
export interface Summary {
  readonly runs: number;
  readonly min: number;
  readonly median: number;
  /** From the first quartile to the third, over the median: how much a run differs from the next. */
  readonly spread: number;
}

/** The value below which a share of the sorted list lies, between neighbours by a straight line. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

export function summarise(times: readonly number[]): Summary {
  const sorted = [...times].sort((a, b) => a - b);
  const median = quantile(sorted, 0.5);
  const spread = (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / median;
  return { runs: sorted.length, min: sorted[0], median, spread };
}
