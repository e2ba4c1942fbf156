import { constants } from 'node:os';
import { logLine } from './logLine.ts';

// Not SIGHUP: nohup ignores it, and listening would undo that.
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
type Signal = (typeof SIGNALS)[number];

/** One request to stop may come twice: GNU timeout signals its child and the child's group, npm passes on what the child had, too. */
const SAME_REQUEST_MS = 2000;

/** What people and programs that want the command to stop have sent. */
export interface Signals {
  /** What was asked for while work was `finishing`. */
  readonly asked: boolean;
  /** 130 for SIGINT, 143 for SIGTERM, as a shell has it. */
  readonly exitCode: number;
  /** Runs work that ends by itself soon after `asked` is true, and saves; outside of it a signal ends the process at once. */
  finishing<T>(work: () => Promise<T>): Promise<T>;
}

export function watchSignals(): Signals {
  let finishing = false;
  let asked: { code: number; at: number } | null = null;
  const heed = (signal: Signal): void => {
    const code = 128 + constants.signals[signal];
    if (!finishing) process.exit(asked?.code ?? code);
    if (!asked) {
      asked = { code, at: performance.now() };
      logLine('stopping: this step ends, then the run is saved; another signal after 2 s leaves at once');
    } else if (performance.now() - asked.at > SAME_REQUEST_MS) process.exit(asked.code);
  };
  for (const signal of SIGNALS) process.on(signal, () => heed(signal));
  return {
    get asked() {
      return asked !== null;
    },
    get exitCode() {
      return asked?.code ?? 0;
    },
    async finishing(work) {
      finishing = true;
      try {
        return await work();
      } finally {
        finishing = false;
      }
    },
  };
}
