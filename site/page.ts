/// <reference lib="dom" />
// What the scripts of all pages do: elements, a line that says what happens, one thing at a time.

export const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

export function write(id: string, text: string): void {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

/** `0.42 ms`, `1.3 s`. */
export const milliseconds = (time: number): string =>
  time < 1000 ? `${Number(time.toPrecision(3))} ms` : `${(time / 1000).toPrecision(3)} s`;

/** What long work says and asks. */
export interface Going {
  say(text: string): void;
  stopped(): boolean;
}

/**
 * Runs long work: `#status` says what happens and for how long, controls rest meanwhile, stop asks it to end, and what fails is
 * said. `data-state` of the document is what tests wait for.
 */
export async function busyWith<T>(
  { start, stop }: { readonly start: HTMLButtonElement; readonly stop: HTMLButtonElement },
  controls: readonly (HTMLInputElement | HTMLSelectElement)[],
  work: (going: Going) => Promise<T>,
): Promise<T | null> {
  const begun = performance.now();
  let now = '';
  let stopped = false;
  const show = (): void => {
    const seconds = Math.floor((performance.now() - begun) / 1000);
    write('status', `${stopped ? 'stopping after ' : ''}${now}${seconds > 0 ? `, ${seconds} s` : ''} ...`);
  };
  const say = (text: string): void => {
    now = text;
    show();
  };
  const ask = (): void => {
    stopped = true;
    show();
  };
  const set = (running: boolean): void => {
    for (const control of [start, ...controls]) control.disabled = running;
    stop.disabled = !running;
    byId('status').classList.toggle('running', running);
  };
  const clock = setInterval(show, 1000);
  stop.addEventListener('click', ask);
  document.documentElement.dataset.state = 'running';
  set(true);
  try {
    const result = await work({ say, stopped: () => stopped });
    write('status', stopped ? 'Stopped.' : 'Done.');
    document.documentElement.dataset.state = 'done';
    return result;
  } catch (error) {
    write('status', (error as Error).message);
    document.documentElement.dataset.state = 'failed';
    return null;
  } finally {
    clearInterval(clock);
    stop.removeEventListener('click', ask);
    set(false);
  }
}
