import type { EmbeddingPicture, FeatureScores, LossPoint } from './data.ts';

/** A mean over seeds. */
export interface Interval {
  mean: number;
  /** Half of the 95 % confidence interval of the mean; null with one seed. */
  half: number | null;
  values: number[];
}

/** One line of a comparison. */
export interface ComparedRun {
  label: string;
  method: string;
  knn?: Interval;
  /** Linear probe. */
  probe?: Interval;
  /** The same of the encoder before its first step. */
  untrained?: { knn?: Interval; probe?: Interval };
  /** Accuracy of a classifier's own scores. */
  classifier?: Interval;
  acc?: Interval;
  nmi?: Interval;
  ari?: Interval;
  /** ACC of k-means on the pixels. */
  pixelAcc?: Interval;
  /** Linear probe on corrupted test images. */
  corrupted?: Interval;
  effectiveRank?: Interval;
  imagesPerSecond?: Interval;
  peakBytes: number;
  warnings: string[];
  /** Of the first seed. */
  loss: Pick<LossPoint, 'step' | 'epoch' | 'loss'>[];
  embeddings: EmbeddingPicture;
}

/** Everything that the report of several runs shows. */
export interface ComparisonData {
  title: string;
  command: string;
  adapter: string;
  startedAt: string;
  dataset: { name: string; train: number; test: number; classes: number };
  seeds: number;
  /** Of the pixels. */
  raw: FeatureScores;
  runs: ComparedRun[];
}
