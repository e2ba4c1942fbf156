import { formatBytes } from '../../gpu/errors.ts';
import { card, escapeHtml, htmlPage } from '../../report/document.ts';
import type { ComparedRun, ComparisonData, Interval } from './comparison.ts';
import type { ReportData } from './data.ts';

/**
 * One HTML file that shows a training run, with its numbers, style and script inside; it never uses the network.
 *
 * @param pageScript page.ts and what it imports as one classic script (esbuild: `bundle`, `format: 'iife'`)
 */
export function renderReport(data: ReportData, pageScript: string): string {
  const { dataset, embeddings } = data;
  const parameters = Object.entries(data.parameters);
  return page(
    data,
    `${data.method} on ${dataset.name}`,
    `${tiles(data)}${warnings((data.warnings ?? []).map((text) => ['', text]))}
<div class="cards">
${card('accuracy', 'Accuracy on the test images', 'Learning without labels has to beat both baselines.')}
${card('history', 'k-NN accuracy while training', 'Dashed: the pixels themselves.')}
${card('loss', 'Loss', 'Faint: every step. Strong: running mean.')}
${card('rate', 'Learning rate', 'The schedule as it was run.')}
${card('embeddings', 'Test embeddings', `${whole(embeddings.points.length)} images placed by UMAP, cosine distance.`, true)}
<section class="card wide"><h2>Parameters</h2><table>
${parameters.map(([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(String(value))}</td></tr>`).join('\n')}
</table></section>
</div>`,
    pageScript,
  );
}

/** The same for several runs under one budget: accuracies with intervals, curves, embeddings, speed and memory. */
export function renderComparison(data: ComparisonData, pageScript: string): string {
  const { runs, seeds, dataset } = data;
  const spread = seeds > 1 ? `Means of ${seeds} seeds with 95 % confidence intervals of the mean.` : 'One seed.';
  return page(
    data,
    `${runs.length} runs on ${dataset.name}`,
    `${warnings(runs.flatMap(({ label, warnings: own }) => own.map((text): [string, string] => [label, text])))}
<div class="cards">
${card('compared', 'Accuracy on the test images', `${spread} Dashed: k-NN on the pixels themselves.`, true)}
<section class="card wide"><h2>Numbers</h2><p>${escapeHtml(spread)}</p>${table(runs)}</section>
${runs.map((run, i) => card(`loss-${i}`, `${run.label}: loss`, 'Of the first seed.')).join('\n')}
${runs.map((run, i) => card(`embeddings-${i}`, `${run.label}: test embeddings`, 'Placed by UMAP, cosine distance.')).join('\n')}
</div>`,
    pageScript,
  );
}

type Heading = Pick<ReportData, 'title' | 'command' | 'adapter' | 'startedAt' | 'dataset'>;

/** What is around the body of both kinds of report. */
function page(data: Heading, what: string, body: string, pageScript: string): string {
  const { dataset } = data;
  const sizes = `${whole(dataset.train)} images to learn from, ${whole(dataset.test)} to test on`;
  const origin = `${data.startedAt.slice(0, 16).replace('T', ' ')}, ${data.adapter}.`;
  // A narrow screen breaks lines between options, not after one of their hyphens.
  const flags = data.command.split(/ (?=--)/).map((flag) => `<span>${escapeHtml(flag)}</span>`);
  const main = `<header>
<h1>${escapeHtml(data.title)}</h1>
<p>${escapeHtml(`${what}: ${sizes}, ${dataset.classes} classes. ${origin}`)}</p>
<pre>${flags.join(' ')}</pre>
</header>
${body}`;
  return htmlPage({ title: data.title, main, data, script: pageScript });
}

/** Signs of collapse, where there are any. */
function warnings(list: readonly (readonly [label: string, text: string])[]): string {
  if (list.length === 0) return '';
  const items = list.map(([label, text]) => `<li>${escapeHtml(label ? `${label}: ${text}` : text)}</li>`);
  return `<section class="card wide warning"><h2>Warnings</h2><ul>${items.join('')}</ul></section>`;
}

const COLUMNS: readonly [name: string, of: (run: ComparedRun) => string][] = [
  ['k-NN', ({ knn }) => share(knn)],
  ['untrained k-NN', ({ untrained }) => share(untrained?.knn)],
  ['linear probe', ({ probe }) => share(probe)],
  ['untrained probe', ({ untrained }) => share(untrained?.probe)],
  ['classifier', ({ classifier }) => share(classifier)],
  ['probe, corrupted', ({ corrupted }) => share(corrupted)],
  ['ACC', ({ acc }) => share(acc)],
  ['k-means on pixels', ({ pixelAcc }) => share(pixelAcc)],
  ['NMI', ({ nmi }) => plain(nmi, 3)],
  ['ARI', ({ ari }) => plain(ari, 3)],
  ['effective rank', ({ effectiveRank }) => plain(effectiveRank, 1)],
  ['images/s', ({ imagesPerSecond }) => (imagesPerSecond ? whole(imagesPerSecond.mean) : '')],
  ['peak memory', ({ peakBytes }) => formatBytes(peakBytes)],
];

/** Only the columns that some run fills. */
function table(runs: readonly ComparedRun[]): string {
  const columns = COLUMNS.filter(([, of]) => runs.some((run) => of(run) !== ''));
  const head = `<tr><th></th>${columns.map(([name]) => `<th>${name}</th>`).join('')}</tr>`;
  const lines = runs.map(
    (run) =>
      `<tr><th>${escapeHtml(run.label)}</th>${columns.map(([, of]) => `<td>${escapeHtml(of(run))}</td>`).join('')}</tr>`,
  );
  return `<div class="scroll"><table class="numbers">${head}${lines.join('')}</table></div>`;
}

function share(value: Interval | undefined): string {
  if (!value) return '';
  return `${percent(value.mean)}${value.half === null ? '' : ` ± ${(100 * value.half).toFixed(1)}`}`;
}

function plain(value: Interval | undefined, digits: number): string {
  if (!value) return '';
  return `${value.mean.toFixed(digits)}${value.half === null ? '' : ` ± ${value.half.toFixed(digits)}`}`;
}

function tiles({ accuracy, loss, speed }: ReportData): string {
  const last = loss.findLast((point) => Number.isFinite(point.loss));
  const points = (accuracy.trained.knn - accuracy.raw.knn) * 100;
  const gain = Number.isFinite(points) ? `${points < 0 ? '' : '+'}${points.toFixed(1)}` : 'none';
  const list: [string, string, boolean?][] = [
    [percent(accuracy.trained.knn), 'k-NN accuracy'],
    [gain, 'points over raw pixels', points > 0],
    [last ? last.loss.toPrecision(4) : 'none', 'last loss'],
    [whole(speed.imagesPerSecond), 'images a second'],
    [duration(speed.seconds), 'in all'],
    [formatBytes(speed.peakBytes), 'GPU memory at most'],
  ];
  if (Number.isFinite(accuracy.trained.probe)) list.splice(1, 0, [percent(accuracy.trained.probe), 'linear probe']);
  const tile = ([value, name, good]: [string, string, boolean?]) =>
    `<div class="tile"><b${good ? ' class="gain"' : ''}>${escapeHtml(value)}</b><span>${escapeHtml(name)}</span></div>`;
  return `<div class="tiles">${list.map(tile).join('')}</div>`;
}

const percent = (share: number) => (Number.isFinite(share) ? `${(share * 100).toFixed(1)}%` : 'none');

const whole = (count: number) => Math.round(count).toLocaleString('en-US');

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
