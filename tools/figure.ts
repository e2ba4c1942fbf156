// npm run bench:figure [-- CASE]: README's figure and its tables, from the newest rows of bench/results.csv.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { contenderName, digits, fromCsv, isOurs, type Row, sizeOf } from '../bench/results.ts';
import { launchChromium } from '../test/browser/chromium.ts';
import { fillMarkers } from './markers.ts';

const root = join(import.meta.dirname, '..');
const FIGURE = 'docs/bench.svg';

/** Of each size the newest run, of the adapter and profile that was measured last: ratios are those of one run. */
export function newest(rows: readonly Row[], name: string): Row[] {
  const own = rows.filter((row) => row.case === name);
  const last = own.reduce<Row | undefined>((top, row) => (top && top.date > row.date ? top : row), undefined);
  if (!last)
    throw new Error(`figure: bench/results.csv has no row of ${name}; npm run bench -- --csv bench/results.csv.`);
  const alike = own.filter(
    ({ adapter, driver, profile }) => adapter === last.adapter && driver === last.driver && profile === last.profile,
  );
  const dates = new Map<string, string>();
  for (const { size, date } of alike) if (date > (dates.get(size) ?? '')) dates.set(size, date);
  return alike
    .filter(({ size, date }) => date === dates.get(size))
    .sort((a, b) => (sizeOf(a.size).n ?? 0) - (sizeOf(b.size).n ?? 0));
}

/** What stands between the markers of README. */
export function readmeText(rows: readonly Row[], name: string): string {
  const { adapter, driver } = rows[0];
  const timed = rows.filter(({ status }) => status === 'ok');
  const names = [...new Set(timed.map((row) => `${contenderName(row)} ${row.version}`))];
  const runs = Math.min(...timed.map((row) => row.runs));
  const sizes = [...new Set(rows.map((row) => row.size))];
  const cell = (size: string, contender: string): string => {
    const row = rows.find((each) => each.size === size && contender.startsWith(`${contenderName(each)} `));
    if (row?.status !== 'ok' || row.median === null) return row?.status ?? '';
    const ours = rows.find((each) => each.size === size && isOurs(each))?.median;
    const ratio = ours && !isOurs(row) ? ` (${(row.median / ours).toFixed(1)} x)` : '';
    return `${digits(row.median)} ms${ratio}, min ${digits(row.min)}`;
  };
  const [beside] = timed.filter(isElsewhere);
  return `\`${name}\`, loss and gradient: ${adapter} (${driver}), medians and minima of ${runs} runs or more, each size one run, all libraries in turns${beside ? `; those in JavaScript on one device, ${beside.library} on ${beside.detail}` : ' on one device'}:

![Time and GPU memory of ${name} against the number of rows](${FIGURE})

| | ${names.join(' | ')} |
| --- |${' --- |'.repeat(names.length)}
${sizes.map((size) => `| ${size} | ${names.map((each) => cell(size, each)).join(' | ')} |`).join('\n')}

\`npm run bench -- --peers all --csv bench/results.csv\` measures, \`npm run bench:figure\` draws; [every row](bench/results.csv).`;
}

/** Computed in processes of its own, on no adapter. */
const isElsewhere = ({ status, detail }: Row): boolean => status === 'ok' && detail !== '';

/**
 * A line for each other work: its largest size with other libraries beside, and the fastest of them in either form; then those
 * that compute elsewhere.
 */
export function besideText(rows: readonly Row[], without: string): string {
  const names = [...new Set(rows.map((row) => row.case))].filter((name) => name !== without);
  const elsewhere = rows.findLast(isElsewhere);
  const lines = names.flatMap((name) => {
    const timed = newest(rows, name).filter(({ status, median }) => status === 'ok' && median !== null);
    const size = timed.filter(({ form }) => form === 'autodiff' || form === 'hand-derived').at(-1)?.size;
    const ours = timed.find((row) => row.size === size && isOurs(row));
    if (!ours) return [];
    const fastest = (form: string, those: (row: Row) => boolean): Row | undefined =>
      timed
        .filter((row) => row.size === size && row.form === form && those(row))
        .sort((a, b) => Number(a.median) - Number(b.median))[0];
    const cells = FORMS.map((form) => {
      const best = fastest(form, (row) => !isElsewhere(row));
      return best ? `${best.library}: ${((best.median ?? 0) / (ours.median ?? 1)).toFixed(1)} x, ${memory(best)}` : '';
    });
    if (elsewhere)
      for (const form of FORMS) {
        const best = fastest(form, isElsewhere);
        cells.push(best ? `${times(best.median, ours.median)}, min ${times(best.min, ours.min)}` : '');
      }
    return `| \`${name}\`, ${size} | ${digits(ours.median)} ms, min ${digits(ours.min)}, ${memory(ours)} | ${cells.join(' | ')} |`;
  });
  const more = elsewhere ? FORMS.map((form) => `${elsewhere.library}, ${form}`) : [];
  return `Other works: our time and GPU memory, and how many times as long the fastest other library takes, by its own autodiff and by hand${elsewhere ? `; and ${elsewhere.library} on ${elsewhere.detail}: its median to ours, its minimum to ours` : ''}:

| ${['', 'gramian', 'autodiff', 'by hand', ...more].join(' | ')} |
|${' --- |'.repeat(4 + more.length)}
${lines.join('\n')}`;
}

const FORMS = ['autodiff', 'hand-derived'] as const;

const times = (theirs: number | null, ours: number | null): string => `${((theirs ?? 0) / (ours ?? 1)).toFixed(1)} x`;

const memory = ({ peakBytes }: Row): string => `${digits((peakBytes ?? 0) / 1e6)} MB`;

async function draw(rows: readonly Row[]): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(root, 'bench/report/figure.ts')],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['source'],
    write: false,
  });
  const chromium = await launchChromium();
  try {
    return await chromium.run<string>({ files: { '/figure.js': outputFiles[0].text }, path: '/figure.js' }, rows);
  } finally {
    await chromium.close();
  }
}

if (import.meta.filename === process.argv[1]) {
  const name = process.argv[2] ?? 'ntXent';
  const all = fromCsv(readFileSync(join(root, 'bench/results.csv'), 'utf8'));
  const rows = newest(all, name);
  writeFileSync(join(root, FIGURE), `${await draw(rows)}\n`);
  fillMarkers('README.md', 'figure', `${readmeText(rows, name)}\n\n${besideText(all, name)}`);
  console.log(`wrote ${FIGURE} and README's figure`);
}
