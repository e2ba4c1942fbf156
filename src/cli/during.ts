import { logLine } from './logLine.ts';

const AGAIN_MS = 20_000;
/** After which a person wonders, in milliseconds. */
export const PATIENCE = 1500;

/**
 * Says what takes long as it begins, and now and then that it still goes on: silence looks like a hang.
 * @param patience milliseconds before the first line, for what is mostly quick
 */
export async function during<T>(what: string, work: () => Promise<T>, patience = 0): Promise<T> {
  const begun = performance.now();
  if (patience === 0) logLine(what);
  const first = patience > 0 ? setTimeout(() => logLine(what), patience) : undefined;
  const timer = setInterval(
    () => logLine(`${what}: ${Math.round((performance.now() - begun) / 1000)} s so far`),
    AGAIN_MS,
  ).unref();
  try {
    return await work();
  } finally {
    clearTimeout(first);
    clearInterval(timer);
  }
}
