import { readFile } from 'node:fs/promises';
import type { ImageSplits } from '../data/dataset.ts';
import type { RunConfig } from './config.ts';
import type { Evaluation } from './evaluate.ts';
import type { FeatureScores, ReportData } from './report/data.ts';
import { projectEmbeddings } from './report/project.ts';
import { makeThumbnails } from './report/thumbnails.ts';
import { classNames, percent, type Run } from './run.ts';

/** A configuration as a table shows it. */
export function flat({ options, cached, corrupted, ...config }: RunConfig): Record<string, string | number> {
  const own = Object.entries({ cached, corrupted, ...options }).map(([name, value]) => [name, String(value)]);
  return { ...config, ...Object.fromEntries(own) };
}

const fixed = (value: number, digits: number): string => (Number.isFinite(value) ? value.toFixed(digits) : 'none');

/** What a table says beside accuracies. */
export function scoresOf(evaluation: Evaluation): Record<string, string> {
  const { effectiveRank, deviation, classifier, clusters, corrupted, used, perplexity } = evaluation;
  return {
    'effective rank': fixed(effectiveRank, 1),
    deviation: fixed(deviation, 3),
    ...(classifier === undefined ? {} : { classifier: percent(classifier) }),
    ...(corrupted
      ? { 'corrupted, k-NN': percent(corrupted.knn), 'corrupted, linear probe': percent(corrupted.probe) }
      : {}),
    ...(used === undefined ? {} : { 'used clusters': `${used}, perplexity ${(perplexity ?? 0).toFixed(1)}` }),
    ...(clusters
      ? {
          'cluster ACC': percent(clusters.accuracy),
          NMI: clusters.nmi.toFixed(3),
          ARI: clusters.ari.toFixed(3),
          'k-means on pixels, ACC': percent(clusters.pixels),
        }
      : {}),
  };
}

export function sentenceOf(raw: FeatureScores, untrained: FeatureScores, evaluation: Evaluation): string {
  const { classifier, clusters } = evaluation;
  const by = (score: keyof FeatureScores) =>
    `raw pixels ${percent(raw[score])}, untrained encoder ${percent(untrained[score])}, trained encoder ${percent(evaluation[score])}`;
  return (
    `k-NN accuracy: ${by('knn')}` +
    `${Number.isFinite(evaluation.probe) ? `; linear probe: ${by('probe')}` : ''}` +
    `${classifier === undefined ? '' : `; classifier ${percent(classifier)}`}` +
    `${clusters ? `; clusters: ACC ${percent(clusters.accuracy)} (k-means on pixels ${percent(clusters.pixels)}), NMI ${clusters.nmi.toFixed(3)}, ARI ${clusters.ari.toFixed(3)}` : ''}`
  );
}

export async function picture(
  run: Pick<Run, 'embed'>,
  splits: ImageSplits,
  { seed }: RunConfig,
  { limit, thumbnails }: { limit: number; thumbnails: boolean },
): Promise<ReportData['embeddings']> {
  const set = splits.test ?? splits.train;
  const embeddings = run.embed(splits.test ? 'test' : 'train');
  const rows = await embeddings.data();
  const { indices, points } = projectEmbeddings(rows, embeddings.shape[0], embeddings.shape[1], { seed, limit });
  embeddings.dispose();
  const { labels } = set;
  return {
    points,
    labels: labels ? [...indices].map((index) => labels[index]) : [],
    classes: classNames(splits),
    ...(thumbnails ? { thumbnails: makeThumbnails(set, indices) } : {}),
  };
}

export function pageScript(): Promise<string> {
  return readFile(new URL('./report-page.js', import.meta.url), 'utf8');
}
