import { SingleBar } from 'cli-progress';

/** Shows long work: a bar on a terminal, plain lines elsewhere. */
export interface ProgressView {
  step(done: number, loss: number): void;
  /** A line that stays. */
  line(text: string): void;
  end(): void;
}

/** The longest silence where lines are written. */
const LINE_MS = 10_000;

export function showProgress(total: number, start: number, imagesPerStep: number, epochSteps: number): ProgressView {
  const begun = performance.now();
  const rate = (done: number) => ((done - start) * imagesPerStep * 1000) / Math.max(1, performance.now() - begun);
  const left = (done: number) => {
    const seconds = Math.round(((performance.now() - begun) / 1000 / Math.max(1, done - start)) * (total - done));
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} left`;
  };
  const describe = (done: number, loss: number) =>
    `loss ${loss.toFixed(4)}  ${rate(done).toFixed(0)} images/s  ${left(done)}`;
  if (!process.stderr.isTTY) {
    let said = begun;
    return {
      step: (done, loss) => {
        const now = performance.now();
        if (done % epochSteps !== 0 && done !== total && now - said < LINE_MS) return;
        said = now;
        process.stderr.write(`step ${done}/${total}  ${describe(done, loss)}\n`);
      },
      line: (text) => void process.stderr.write(`${text}\n`),
      end: () => {},
    };
  }
  const bar = new SingleBar({
    format: 'step {value}/{total}  {bar}  {state}',
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(total, start, { state: '' });
  return {
    step: (done, loss) => bar.update(done, { state: describe(done, loss) }),
    line: (text) => {
      // The bar redraws itself below the line.
      process.stderr.write(`\r\x1b[K${text}\n`);
      bar.render();
    },
    end: () => bar.stop(),
  };
}
