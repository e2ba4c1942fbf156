import { createRandom } from '../src/core/random.ts';
import type { Engine } from '../src/engine/engine.ts';
import type { Extent, PlayedLoss } from './losses.ts';

export interface Measurement {
  /** Milliseconds of loss and gradient: the first time, when kernels are compiled, and the median of those after it. */
  readonly first: number;
  readonly median: number;
  readonly runs: number;
  /** All GPU memory at its most: inputs, gradients and what the loss needs in between. */
  readonly peakBytes: number;
  readonly value: number;
}

export interface Around {
  /** What happens now. */
  say(text: string): void;
  /** Asked between runs. */
  stopped(): boolean;
}

const RUNS = 20;
const LEAST_RUNS = 3;
const MILLISECONDS = 2000; // of runs, once there are enough of them

/** Times loss and gradient as a user's call has them; null where somebody stopped it before there was a number. */
export async function measureLoss(
  engine: Engine,
  loss: PlayedLoss,
  size: Extent,
  { say, stopped }: Around,
): Promise<Measurement | null> {
  const inputs = loss.inputs(size).map((shape, i) => {
    const random = createRandom(i + 1);
    const data = Float32Array.from({ length: shape[0] * shape[1] }, () => random.gaussian());
    return engine.tensor(data, shape, { requiresGrad: true });
  });
  engine.resetPeakMemory();
  let value = Number.NaN;
  const run = async (): Promise<number> => {
    const begun = performance.now();
    const result = engine.scope(() => {
      const made = loss.value(inputs, size);
      made.backward();
      return made;
    });
    await engine.sync();
    const took = performance.now() - begun;
    value = await result.item();
    result.dispose();
    for (const input of inputs) input.zeroGrad();
    return took;
  };
  try {
    say('compiling kernels');
    const first = await run();
    const times: number[] = [];
    const enough = () =>
      times.length >= RUNS || (times.length >= LEAST_RUNS && times.reduce((sum, time) => sum + time, 0) > MILLISECONDS);
    while (!enough() && !stopped()) {
      say(`run ${times.length + 1}`);
      times.push(await run());
    }
    if (times.length === 0) return null;
    const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
    return { first, median, runs: times.length, peakBytes: engine.memory().peakBytes, value };
  } finally {
    for (const input of inputs) input.dispose();
  }
}
