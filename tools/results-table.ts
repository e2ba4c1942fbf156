// npm run results:table -- [--into FILE] DIRECTORY...: README's tables of the systems, or those of another document, from what
// `gramian train --compare ... --out DIRECTORY` and `gramian train --study ... --out DIRECTORY` left.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ComparisonData, Interval } from '../src/cli/report/comparison.ts';
import { fillMarkers } from './markers.ts';

type Result = Omit<ComparisonData, 'runs'> & {
  readonly runs: readonly Omit<ComparisonData['runs'][number], 'embeddings' | 'loss'>[];
};

const share = (value: number): string => (100 * value).toFixed(1);

function cell(value: Interval | undefined): string {
  if (!value) return '';
  return value.half === null ? share(value.mean) : `${share(value.mean)} ± ${share(value.half)}`;
}

function table({ title, command, adapter, dataset, seeds, raw, runs }: Result): string {
  const columns: readonly [string, (run: Result['runs'][number]) => string][] = [
    ['k-NN, %', (run) => cell(run.knn)],
    ['linear probe, %', (run) => cell(run.probe)],
    ['linear probe of corrupted images, %', (run) => cell(run.corrupted)],
    ['its own classifier, %', (run) => cell(run.classifier)],
    ['clusters: ACC, %', (run) => cell(run.acc)],
    ['NMI, %', (run) => cell(run.nmi)],
    ['ARI, %', (run) => cell(run.ari)],
    ['ACC of k-means on pixels, %', (run) => cell(run.pixelAcc)],
    ['effective rank', (run) => run.effectiveRank?.mean.toFixed(0) ?? ''],
    ['GPU memory, MB', (run) => (run.peakBytes / 1e6).toFixed(0)],
  ];
  const shown = columns.filter(([, of]) => runs.some((run) => of(run) !== ''));
  const untrained = (score: 'knn' | 'probe'): string => {
    const values = runs.flatMap((run) => run.untrained?.[score]?.values ?? []);
    return share(values.reduce((a, b) => a + b, 0) / values.length);
  };
  const ranked = [...runs].sort((a, b) => (b.knn?.mean ?? 0) - (a.knn?.mean ?? 0));
  // Of a folder its name alone: where it lay says nothing to others.
  const shownCommand = command.replace(/(--data )\S*\//, '$1');
  return `${title}: ${dataset.train.toLocaleString('en')} images to train on, ${dataset.test.toLocaleString('en')} to test on, ${dataset.classes} classes. Raw
pixels: k-NN ${share(raw.knn)} %, linear probe ${share(raw.probe)} %; the untrained encoder: ${untrained('knn')} %, ${untrained('probe')} %. ${adapter}; ${seeds === 1 ? 'one seed' : `${seeds} seeds`}.

| | ${shown.map(([name]) => name).join(' | ')} |
| --- |${' --- |'.repeat(shown.length)}
${ranked.map((run) => `| ${run.label} | ${shown.map(([, of]) => of(run)).join(' | ')} |`).join('\n')}

\`${shownCommand}\``;
}

/** What stands between the markers of a document. */
export function resultsText(results: readonly Result[]): string {
  return results.map(table).join('\n\n');
}

if (import.meta.filename === process.argv[1]) {
  const { values: given, positionals: directories } = parseArgs({
    options: { into: { type: 'string', default: 'README.md' } },
    allowPositionals: true,
  });
  if (directories.length === 0)
    throw new Error('results:table: no directory, expected those that gramian train --compare or --study wrote to.');
  const results = directories.map((path): Result => JSON.parse(readFileSync(join(path, 'results.json'), 'utf8')));
  fillMarkers(given.into, 'results', resultsText(results));
  console.log(`wrote the tables of ${given.into}`);
}
