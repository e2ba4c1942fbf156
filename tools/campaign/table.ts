// What the campaign's three commands share: tables, lines through measurements, and children that answer in JSON.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Rows under heads, as wide as their widest cell: a table in Markdown that a terminal shows well. */
export function table(heads: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = [heads, ...rows].map((row) => row.map(String));
  const widths = heads.map((_, i) => Math.max(3, ...cells.map((row) => row[i].length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [line(cells[0]), line(widths.map((width) => '-'.repeat(width))), ...cells.slice(1).map(line)].join('\n');
}

/**
 * How much a least-squares line through the points rises from the first to the last, relative to where it starts, and the standard
 * error of that share by how far the points lie off the line.
 */
export function rise(points: readonly (readonly [number, number])[]): { share: number; error: number } {
  const n = points.length;
  if (n < 3) return { share: 0, error: 0 };
  const mean = (k: 0 | 1): number => points.reduce((total, point) => total + point[k], 0) / n;
  const [x, y] = [mean(0), mean(1)];
  const spread = points.reduce((total, [a]) => total + (a - x) ** 2, 0);
  const slope = points.reduce((total, [a, b]) => total + (a - x) * (b - y), 0) / spread;
  const off = points.reduce((total, [a, b]) => total + (b - y - slope * (a - x)) ** 2, 0) / (n - 2);
  const [start, length] = [y + slope * (points[0][0] - x), points[n - 1][0] - points[0][0]];
  return { share: (slope * length) / start, error: (Math.sqrt(off / spread) * length) / start };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a TypeScript file of this folder in a process of its own: Dawn lives once in a process. */
export function child(
  file: string,
  args: readonly string[],
  { node = [], quiet = false, env = {} }: { node?: readonly string[]; quiet?: boolean; env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const argv = [...node, '--import', 'tsx', '--conditions=source', path, ...args];
  return ended(process.execPath, argv, { quiet, env });
}

/** Runs a program and waits for its end; what it says on stderr is passed on, unless `quiet`. */
export function ended(
  program: string,
  args: readonly string[],
  { quiet = true, env = {}, cwd }: { quiet?: boolean; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const running = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    running.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    running.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      if (!quiet) process.stderr.write(text);
    });
    running.once('error', reject);
    running.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** The last line of what a child printed, as JSON. */
export function childResult<T>({ stdout, stderr, code, signal }: Ended): T {
  const last = stdout.trim().split('\n').at(-1) ?? '';
  try {
    return JSON.parse(last) as T;
  } catch {
    throw new Error(`a child ended with ${signal ?? code} and no answer: ${(last || stderr).slice(-400)}`);
  }
}

/** A whole number given on the command line. */
export function whole(name: string, text: string, low = 0): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= low) return value;
  console.error(`--${name} ${text}: expected an integer of at least ${low}.`);
  process.exit(2);
}
