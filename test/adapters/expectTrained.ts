import { expect } from 'vitest';
import { apart, start, TRAINED, trained } from './encoder.ts';

/** By us and by the framework's own autodiff: alike, or no further from f64 than twice what that is. */
export function expectTrained(name: string, ours: readonly Float32Array[], theirs: readonly Float32Array[]): void {
  const row = TRAINED.find(({ loss }) => loss === name) as (typeof TRAINED)[number];
  const exact = trained(row);
  expect(apart(exact, [start().w1, start().w2])).toBeGreaterThan(0.05); // they have moved
  const [between, our, their] = [apart(ours, theirs), apart(ours, exact), apart(theirs, exact)];
  console.log(
    `${name}: ${between.toExponential(1)} from the framework's own gradients; from f64 ${our.toExponential(1)}, it ${their.toExponential(1)}`,
  );
  if (between > 1e-6) expect(our).toBeLessThan(2 * their);
}
