// From nothing to the first loss and gradient, in a fresh process each time: rows, text and CSV.
import { contenderName, digits, type Environment, isOurs, type Status, toField } from './results.ts';
import { summarise } from './statistics.ts';

/** Compiled kernels that the driver finds on disk: none, or those of an earlier process. */
export type Cache = 'empty' | 'filled';

/** What one process answers. */
export interface ColdAnswer {
  readonly environment: Environment;
  readonly version: string;
  readonly status: Status;
  /** From opening the library until loss and gradient are there, and what of it passed before the first run was asked for: milliseconds. */
  readonly ms: number | null;
  readonly opened: number | null;
  readonly error: number | null;
  readonly detail: string;
}

/** One contender on one work, with one state of the driver's cache. Times are milliseconds. */
export interface ColdRow extends Environment, Pick<ColdAnswer, 'version' | 'status' | 'error' | 'detail'> {
  readonly case: string;
  readonly size: string;
  readonly library: string;
  readonly form: string;
  readonly cache: Cache;
  readonly runs: number;
  readonly min: number | null;
  readonly median: number | null;
  /** The median of `ColdAnswer.opened`. */
  readonly opened: number | null;
}

const COLUMNS = [
  ...['date', 'commit', 'adapter', 'driver', 'runtime', 'profile', 'tune', 'case', 'size', 'library', 'version'],
  ...['form', 'cache', 'status', 'runs', 'min', 'median', 'opened', 'error', 'detail'],
] as (keyof ColdRow)[];

export const COLD_HEADER = `${COLUMNS.join(',')}\n`;

export function coldCsv(rows: readonly ColdRow[]): string {
  return rows.map((row) => `${COLUMNS.map((column) => toField(row[column])).join(',')}\n`).join('');
}

/** All processes of one contender: the last that failed decides. */
export function coldRow(
  what: Pick<ColdRow, 'case' | 'size' | 'library' | 'form' | 'cache'>,
  answers: readonly ColdAnswer[],
): ColdRow {
  const told = answers.findLast(({ status }) => status !== 'ok') ?? answers[answers.length - 1];
  const { environment, version, status, detail } = told;
  const good = status === 'ok';
  const of = (key: 'ms' | 'opened') => summarise(answers.map((answer) => answer[key] ?? 0));
  return {
    ...environment,
    ...what,
    version,
    status,
    runs: good ? answers.length : 0,
    min: good ? of('ms').min : null,
    median: good ? of('ms').median : null,
    opened: good ? of('opened').median : null,
    error: good ? Math.max(...answers.map(({ error }) => error ?? 0)) : told.error,
    detail,
  };
}

/** Lines for a terminal: the rows of one work, a state of the cache after the other. */
export function coldText(rows: readonly ColdRow[]): string {
  if (rows.length === 0) return '';
  const lines = (['empty', 'filled'] as const).flatMap((cache) => {
    const own = rows.filter((row) => row.cache === cache);
    const ours = own.find(isOurs)?.median;
    return own.map((row) => {
      const name = `${contenderName(row).padEnd(30)} cache ${cache.padEnd(7)}`;
      if (row.median === null) return `  ${name} ${row.status}${row.detail && `: ${row.detail}`}\n`;
      const ratio = ours && !isOurs(row) ? `${(row.median / ours).toFixed(2)} x` : '';
      const figures = `${digits(row.median, 4)} ms`.padStart(11);
      const more = `(min ${digits(row.min, 4)}, opened after ${digits(row.opened)})`.padEnd(36);
      return `  ${`${name}${figures} ${more}${ratio.padStart(8)}`.trimEnd()}\n`;
    });
  });
  return `${rows[0].case} ${rows[0].size}\n${lines.join('')}`;
}
