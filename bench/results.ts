import type { Contender, Work } from './contender.ts';
import type { Roofline } from './roofline.ts';

/** `wrong`: the proof failed, and nothing was timed. */
export type Status = 'ok' | 'wrong' | 'out of memory' | 'unsupported' | 'failed';

/** Where and when a session ran. */
export interface Environment {
  /** ISO 8601, to the second. */
  readonly date: string;
  /** Short hash, with a plus where the tree had changes; empty outside of a clone. */
  readonly commit: string;
  readonly adapter: string;
  readonly driver: string;
  /** `node 20.20.2`, or the browser. */
  readonly runtime: string;
  /** `default`: as browsers run it; `native`: Dawn's checks off. */
  readonly profile: 'default' | 'native';
  /** How the package chose its tiles and schedules: as `createEngine` takes it. */
  readonly tune: 'off' | 'cached' | 'full';
}

/** One contender on one piece of work. Times are milliseconds; what was not measured is null. */
export interface Row extends Environment {
  readonly case: string;
  /** `n=512 d=128` */
  readonly size: string;
  readonly library: string;
  readonly version: string;
  readonly form: string;
  readonly status: Status;
  readonly runs: number;
  readonly min: number | null;
  readonly median: number | null;
  /** First to third quartile over the median. */
  readonly spread: number | null;
  /** The first call. Ours compiles anew for each work; other libraries keep what an earlier work compiled. */
  readonly first: number | null;
  readonly gpu: number | null;
  /** Of the leanest schedule's operations and bytes: work done, not work spent. */
  readonly gflops: number | null;
  readonly gbps: number | null;
  /** The least time that the adapter's own rates allow, over the median. */
  readonly share: number | null;
  readonly dispatches: number | null;
  readonly submits: number | null;
  readonly peakBytes: number | null;
  /** Largest error against f64, relative to the output's largest entry. */
  readonly error: number | null;
  /** Why there is no time; of a row that has one, what it ran on where that is not the adapter. */
  readonly detail: string;
}

/** All that one adapter gave. */
export interface Session {
  readonly environment: Environment;
  readonly roofline: Roofline | null;
  readonly rows: readonly Row[];
}

export const COLUMNS = [
  'date',
  'commit',
  'adapter',
  'driver',
  'runtime',
  'profile',
  'tune',
  'case',
  'size',
  'library',
  'version',
  'form',
  'status',
  'runs',
  'min',
  'median',
  'spread',
  'first',
  'gpu',
  'gflops',
  'gbps',
  'share',
  'dispatches',
  'submits',
  'peakBytes',
  'error',
  'detail',
] as const satisfies readonly (keyof Row)[];

const NUMBERS: ReadonlySet<string> = new Set(COLUMNS.slice(COLUMNS.indexOf('runs'), COLUMNS.indexOf('detail')));

export const sizeText = (size: Readonly<Record<string, number>>): string =>
  Object.entries(size)
    .map(([axis, extent]) => `${axis}=${extent}`)
    .join(' ');

/** `{ n: 512, d: 128 }` of `n=512 d=128`. */
export const sizeOf = (text: string): Record<string, number> =>
  Object.fromEntries(text.split(' ').map((part) => [part.split('=')[0], Number(part.split('=')[1])]));

/** Milliseconds in which the adapter's rates allow the work, whichever of them it is bound by. */
export function boundOf(work: Pick<Work, 'flops' | 'bytes' | 'exps'>, roofline: Roofline): number {
  const { flops, bandwidth, exps } = roofline;
  return 1000 * Math.max(work.flops / flops, work.bytes / bandwidth, (work.exps ?? 0) / exps);
}

/** Some digits, for a reader: `0.0123`, `12.3`, `12,345`; nothing for what was not measured. */
export function digits(value: number | null, count = 3): string {
  if (value === null) return '';
  return Math.abs(value) >= 10 ** count ? Math.round(value).toLocaleString('en-US') : value.toPrecision(count);
}

/** Six digits: more than any of these numbers has. */
const figure = (value: number | null): string => (value === null ? '' : String(Number(value.toPrecision(6))));

/** A value as a field: numbers with as many digits as they have, nothing for what was not measured. */
export const toField = (value: string | number | null): string =>
  typeof value === 'string' ? field(value) : figure(value);

/** A field with a separator, a quote or a line's end in it is quoted, as RFC 4180 has it. */
function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const CSV_HEADER = `${COLUMNS.join(',')}\n`;

export function toCsv(rows: readonly Row[]): string {
  const line = (row: Row): string => COLUMNS.map((column) => toField(row[column])).join(',');
  return rows.map((row) => `${line(row)}\n`).join('');
}

/** The rows of a file with its header. */
export function fromCsv(text: string): Row[] {
  const [header, ...lines] = records(text);
  return lines.map((cells) => {
    const row = header.map((column, i) => [
      column,
      NUMBERS.has(column) ? (cells[i] === '' ? null : Number(cells[i])) : cells[i],
    ]);
    return Object.fromEntries(row) as Row;
  });
}

function records(text: string): string[][] {
  const cell = /("(?:[^"]|"")*"|[^,\n]*)(,|\n|$)/y;
  const all: string[][] = [];
  let current: string[] = [];
  while (cell.lastIndex < text.length) {
    const [, raw, end] = cell.exec(text) as RegExpExecArray;
    current.push(raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw);
    if (end !== ',') {
      all.push(current);
      current = [];
    }
  }
  return all;
}

/** Name of a contender as a reader says it. */
export const contenderName = ({ library, form }: { library: string; form: string }): string =>
  form === 'fused' || form === 'naive' ? library : `${library}, ${form}`;

export const isOurs = ({ form }: { form: Contender['form'] | string }): boolean => form === 'fused';

/** Lines for a terminal: one block a piece of work, the ratio to ours behind each time. */
export function toText(rows: readonly Row[]): string {
  const blocks = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row.case} ${row.size}`;
    blocks.set(key, [...(blocks.get(key) ?? []), row]);
  }
  return [...blocks].map(([key, block]) => `${key}\n${block.map((row) => lineOf(row, block)).join('')}`).join('');
}

function lineOf(row: Row, block: readonly Row[]): string {
  const name = contenderName(row).padEnd(34);
  if (row.status !== 'ok' || row.median === null) return `  ${name} ${row.status}${row.detail && `: ${row.detail}`}\n`;
  const ours = block.find(isOurs)?.median;
  const ratio = ours && !isOurs(row) ? `${(row.median / ours).toFixed(2)} x` : '';
  const figures = [
    `${digits(row.median, 4)} ms`.padStart(11),
    `(min ${digits(row.min, 4)}, first ${digits(row.first)})`.padEnd(29),
    ratio.padStart(8),
    `${digits(row.gflops)} GFLOP/s`.padStart(16),
    row.share === null ? '' : `${(100 * row.share).toFixed(0)} % of roofline`.padStart(18),
    row.peakBytes === null ? '' : `${digits(row.peakBytes / 1e6)} MB`.padStart(10),
    (row.dispatches === null ? '' : `${row.dispatches} dispatches`).padStart(16),
    `error ${row.error?.toExponential(1)}`,
    row.detail,
  ];
  return `  ${name}${figures.join(' ').trimEnd()}\n`;
}
