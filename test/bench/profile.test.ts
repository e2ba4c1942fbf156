import { beforeAll, expect, test } from 'vitest';
import { profileOf, profileText } from '../../bench/profile.ts';
import { clip, type Engine, type Tensor } from '../../src/index.ts';
import { sharedEngine } from '../engine.ts';

let engine: Engine;
let weights: Tensor;
let step: () => void;
beforeAll(async () => {
  engine = await sharedEngine();
  const wave = Float32Array.from({ length: 16 * 8 }, (_, i) => Math.sin(i * i));
  weights = engine.tensor(wave, [16, 8], { requiresGrad: true });
  const other = engine.tensor(wave.map(Math.cos), [16, 8]);
  step = () => {
    clip(weights, other, { logitScale: 10 }).backward();
    weights.zeroGrad();
  };
});

test('every launch is timed by itself, and belongs to a kernel', async () => {
  const before = await weights.data();
  const profile = await profileOf(engine, null, 'clip', step, 2);
  const expected = engine.explain(step).map(({ kernel }) => kernel);
  expect(profile.launches.map(({ kernel }) => kernel)).toEqual(expected);
  expect(profile.clock).toBe('waits');
  expect(profile.kernels.reduce((sum, { launches }) => sum + launches, 0)).toBe(expected.length);
  expect(profile.kernels.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
  for (const { min, median, bytes } of profile.launches) {
    expect(min).toBeGreaterThan(0);
    expect(median).toBeGreaterThanOrEqual(min);
    expect(bytes).toBeGreaterThan(0);
  }
  const text = profileText(profile);
  expect(text).toMatch(/^clip: [\d.,]+ ms \(min [\d.,]+\); \d+ launches, /);
  expect(text).toContain('by submitting each launch alone and waiting for it');
  for (const { kernel } of profile.kernels) expect(text).toContain(`\n  ${kernel} `);
  expect(await weights.data(), 'launches alone write copies').toEqual(before);
  expect(weights.grad).toBeNull();
});

test("the adapter's clock counts where it is fine enough, and there is one time a pass", async () => {
  const clock = (nanoseconds: number, missing = 0) => ({
    passTimes: async (run: () => Promise<void>) => {
      const from = engine.submits;
      await run();
      return Array(engine.submits - from - missing).fill(nanoseconds);
    },
  });
  const fine = await profileOf(engine, clock(1500), 'clip', step, 1);
  expect(fine.clock).toBe('timestamps');
  for (const { median } of fine.launches) expect(median).toBeCloseTo(0.0015, 9);
  expect(profileText(fine)).toContain("by the adapter's timestamps");
  for (const [nanoseconds, missing] of [
    [0, 0],
    [65536, 0],
    [1500, 1],
  ])
    expect((await profileOf(engine, clock(nanoseconds, missing), 'clip', step, 1)).clock).toBe('waits');
});
