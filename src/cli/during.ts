const AGAIN_MS = 20_000;

/** Says what takes long as it begins, and now and then that it still goes on: silence looks like a hang. */
export async function during<T>(what: string, work: () => Promise<T>): Promise<T> {
  const begun = performance.now();
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  say(what);
  const timer = setInterval(
    () => say(`${what}: ${Math.round((performance.now() - begun) / 1000)} s so far`),
    AGAIN_MS,
  ).unref();
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
