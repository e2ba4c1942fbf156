import { card, escapeHtml, htmlPage } from '../../src/report/document.ts';
import { contenderName, digits, isOurs, type Row, type Session } from '../results.ts';
import type { Roofline } from '../roofline.ts';
import { CASES } from '../works/index.ts';

/** The page of one or more sessions, an adapter each: roofline, times and memory by case, and every number in a table. */
export function renderBenchReport(sessions: readonly Session[], script: string): string {
  const title = 'Losses and ops, measured';
  const main = `<header><h1>${title}</h1></header>\n${sessions.map(sessionHtml).join('\n')}`;
  return htmlPage({ title, main, data: { sessions }, script });
}

function sessionHtml({ environment, roofline, rows }: Session, s: number): string {
  const { adapter, driver, runtime, profile, tune, commit, date } = environment;
  const when = `${date.slice(0, 16).replace('T', ' ')} UTC${commit && `, commit ${commit}`}`;
  const names = [...new Set(rows.map((row) => row.case))];
  const charts = names.map((name, c) => {
    const schedule = CASES.find((each) => each.name === name)?.schedule ?? '';
    return (
      card(
        `time-${s}-${c}`,
        `${name}: time`,
        `Median of steady runs. Dashed: what the adapter's rates allow, ${schedule}.`,
      ) + card(`memory-${s}-${c}`, `${name}: GPU memory`, 'What one run uses. Dotted: one n x n matrix of floats.')
    );
  });
  return `<h2>${escapeHtml(`${adapter}, ${driver}`)}</h2>
<p>${escapeHtml(`${runtime}, profile ${profile}, tune ${tune}; ${when}`)}</p>
${roofline ? tiles(roofline) : ''}
<div class="cards">
${roofline ? card(`roofline-${s}`, 'Roofline', "Operations and bytes of each work's leanest schedule.", true) : ''}
${charts.join('\n')}
<section class="card wide"><h2>Every number</h2>${timesTable(rows)}</section>
</div>`;
}

function tiles({ flops, bandwidth, exps, dispatch, submit, flopsF16, matrix }: Roofline): string {
  const list: [string, string][] = [
    [digits(flops / 1e9), 'GFLOP/s, f32 multiply-adds'],
    [digits(bandwidth / 1e9), 'GB/s of a copy'],
    [digits(exps / 1e9), 'G exp2/s'],
    [digits(dispatch * 1000, 2), 'us a dispatch'],
    [digits(submit * 1000, 2), 'us a submit'],
  ];
  if (flopsF16) list.push([digits(flopsF16 / 1e9), 'GFLOP/s, f16']);
  if (matrix) {
    const { component, result, m, n, k } = matrix;
    list.push([digits(matrix.flops / 1e9), `GFLOP/s, fragments ${m} x ${n} x ${k} of ${component} into ${result}`]);
  }
  const tile = ([value, name]: [string, string]): string =>
    `<div class="tile"><b>${escapeHtml(value)}</b><span>${escapeHtml(name)}</span></div>`;
  return `<div class="tiles">${list.map(tile).join('')}</div>`;
}

const HEADINGS = [
  'case',
  'size',
  'contender',
  'median ms',
  'ratio',
  'min',
  'spread',
  'first',
  'GPU',
  'GFLOP/s',
  'roofline',
  'MB',
  'dispatches',
  'submits',
  'error',
];

/** Times of all contenders and their ratio to the package's own. */
export function timesTable(rows: readonly Row[]): string {
  const ours = new Map(rows.filter(isOurs).map((row) => [`${row.case} ${row.size}`, row.median]));
  const line = (row: Row): string => {
    const base = ours.get(`${row.case} ${row.size}`);
    const named = [row.case, row.size, `${contenderName(row)} ${row.version}`];
    const cells =
      row.status === 'ok'
        ? [
            digits(row.median, 4),
            base && row.median && !isOurs(row) ? `${(row.median / base).toFixed(2)} x` : '',
            digits(row.min, 4),
            row.spread === null ? '' : `${(100 * row.spread).toFixed(0)} %`,
            digits(row.first),
            digits(row.gpu),
            digits(row.gflops),
            row.share === null ? '' : `${(100 * row.share).toFixed(0)} %`,
            digits(row.peakBytes === null ? null : row.peakBytes / 1e6),
            String(row.dispatches ?? ''),
            String(row.submits ?? ''),
            row.error === null ? '' : row.error.toExponential(1),
          ].map((text) => `<td>${escapeHtml(text)}</td>`)
        : [
            `<td colspan="${HEADINGS.length - named.length}">${escapeHtml([row.status, row.detail].filter(Boolean).join(': '))}</td>`,
          ];
    return `<tr>${named.map((text) => `<th>${escapeHtml(text)}</th>`).join('')}${cells.join('')}</tr>`;
  };
  const head = `<tr>${HEADINGS.map((text) => `<th>${text}</th>`).join('')}</tr>`;
  return `<div class="scroll"><table class="numbers">${head}${rows.map(line).join('\n')}</table></div>`;
}
