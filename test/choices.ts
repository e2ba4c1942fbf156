import { dryRun } from '../src/engine/dryRun.ts';
import type { Engine } from '../src/engine/engine.ts';
import type { Asked } from '../src/engine/tuner.ts';

/** What the ops that `fn` calls would ask, and the options that they have. */
export function questionsOf(engine: Engine, fn: () => unknown): Map<string, Asked> {
  const asked = new Map<string, Asked>();
  dryRun(engine, fn, { choice: ({ question, option }, among) => void asked.set(question, { among, option }) });
  return asked;
}

/** Runs `fn` with these options taken, whatever was chosen. */
export async function choosing<T>(engine: Engine, options: Record<string, string>, fn: () => Promise<T>): Promise<T> {
  const { table } = engine;
  table.trial = new Map(Object.entries(options));
  try {
    return await fn();
  } finally {
    table.trial = null;
  }
}

// Every option compiles kernels of its own, for seconds on a software adapter: one for each test, and they differ.
const ALL = process.env.GRAMIAN_TEST_CHOICES === 'all';

/** Ways to do what `fn` does other than the chosen ones: all of them, or one, which depends on `turn`. */
export function otherWays(engine: Engine, fn: () => unknown, turn: number | 'all'): Record<string, string>[] {
  const ways: Record<string, string>[] = [];
  for (const [question, { among, option: usual }] of questionsOf(engine, fn))
    for (const option of among) if (option !== usual) ways.push({ [question]: option });
  return ALL || turn === 'all' || ways.length === 0 ? ways : [ways[turn % ways.length]];
}
