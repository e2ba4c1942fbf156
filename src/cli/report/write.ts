import { formatBytes } from '../../gpu/errors.ts';
import type { ReportData } from './data.ts';
import { card, escapeHtml, htmlPage } from './document.ts';

/**
 * One HTML file that shows a training run, with its numbers, style and script inside; it never uses the network.
 *
 * @param pageScript page.ts and what it imports as one classic script (esbuild: `bundle`, `format: 'iife'`)
 */
export function renderReport(data: ReportData, pageScript: string): string {
  const { dataset, embeddings } = data;
  const sizes = `${whole(dataset.train)} images to learn from, ${whole(dataset.test)} to test on`;
  const origin = `${data.startedAt.slice(0, 16).replace('T', ' ')}, ${data.adapter}.`;
  const parameters = Object.entries(data.parameters);
  const lead = `${data.method} on ${dataset.name}: ${sizes}, ${dataset.classes} classes. ${origin}`;
  const main = `<header>
<h1>${escapeHtml(data.title)}</h1>
<p>${escapeHtml(lead)}</p>
<pre>${escapeHtml(data.command)}</pre>
</header>
${tiles(data)}
<div class="cards">
${card('accuracy', 'k-NN accuracy on the test images', 'Learning without labels has to beat both baselines.')}
${card('history', 'k-NN accuracy while training', 'Dashed: the pixels themselves.')}
${card('loss', 'Loss', 'Faint: every step. Strong: running mean.')}
${card('rate', 'Learning rate', 'The schedule as it was run.')}
${card('embeddings', 'Test embeddings', `${whole(embeddings.points.length)} images placed by UMAP, cosine distance.`, true)}
<section class="card wide"><h2>Parameters</h2><table>
${parameters.map(([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(String(value))}</td></tr>`).join('\n')}
</table></section>
</div>`;
  return htmlPage({ title: data.title, main, data, script: pageScript });
}

function tiles({ accuracy, loss, speed }: ReportData): string {
  const last = loss.findLast((point) => Number.isFinite(point.loss));
  const points = (accuracy.trained - accuracy.raw) * 100;
  const gain = Number.isFinite(points) ? `${points < 0 ? '' : '+'}${points.toFixed(1)}` : 'none';
  const list: [string, string, boolean?][] = [
    [percent(accuracy.trained), 'k-NN accuracy'],
    [gain, 'points over raw pixels', points > 0],
    [last ? last.loss.toPrecision(4) : 'none', 'last loss'],
    [whole(speed.imagesPerSecond), 'images a second'],
    [duration(speed.seconds), 'in all'],
    [formatBytes(speed.peakBytes), 'GPU memory at most'],
  ];
  if (accuracy.probe !== undefined) list.splice(1, 0, [percent(accuracy.probe), 'linear probe']);
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
