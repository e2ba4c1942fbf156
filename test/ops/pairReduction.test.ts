import { describe, expect, test } from 'vitest';
import { KernelError, pairReduction, similarityLogSumExp, sum } from '../../src/index.ts';
import { expectClose, largest } from '../compare.ts';
import { normals } from '../engine.ts';
import { watchedEngine } from '../watch.ts';

const engine = watchedEngine();

describe('pairReduction', () => {
  test.each([
    ['exp(s / tua)', '1', /^pairReduction: value: .*tua.* at column 9 of "exp\(s \/ tua\)"\.$/],
    ['s', '1 + select(s, 1)', /^pairReduction: derivative: .*select.* at column 5 of "1 \+ select\(s, 1\)"\.$/s],
    ['s > 0', '1', /^pairReduction: value: .*(bool).* in "s > 0"\.$/],
    ['s +', '1', /^pairReduction: value: .* "s \+"\.$/],
  ])('says where %s with derivative %s does not compile, each time', async (value, derivative, wanted) => {
    const a = engine().tensor([
      [1, 2],
      [3, 4],
    ]); // prettier-ignore
    for (let time = 0; time < 2; time++) {
      const y = pairReduction(a, undefined, { reduce: 'sum', value, derivative, parameters: { tau: 2 } });
      const error = await y.data().then(
        () => null,
        (reason: Error) => reason,
      );
      expect(error).toBeInstanceOf(KernelError);
      expect(error?.message).toMatch(wanted);
      y.dispose();
      await engine().sync(); // the submit that was refused for it has no other cause
    }
    a.dispose();
  });

  test('a Tensor as parameter is read on the GPU, and gets an exactly zero gradient', async () => {
    const a = engine().tensor(normals(40, 1), [10, 4], { requiresGrad: true });
    const tau = engine().tensor([0.25], [1], { requiresGrad: true });
    const own = engine().scope(() => {
      const rows = pairReduction(a, undefined, {
        reduce: 'logsumexp',
        value: 's / tau',
        derivative: '1 / tau',
        exclude: 'self',
        parameters: { tau },
      });
      return sum(rows);
    });
    own.backward();
    const built = engine().scope(() => sum(similarityLogSumExp(a, undefined, { scale: 4, exclude: 'self' })));
    const gradient = (await a.grad?.data()) as Float32Array;
    a.zeroGrad();
    built.backward();
    const wanted = (await a.grad?.data()) as Float32Array;
    expectClose('value', [await own.item()], [await built.item()], 1e-5);
    expectClose('gradient', gradient, wanted, 1e-5 * largest(wanted));
    expect(await tau.grad?.data()).toEqual(Float32Array.of(0));
    for (const tensor of [a, tau, own, built]) tensor.dispose();
  });

  test('memory grows with the rows, not with their square', async () => {
    const used: number[] = [];
    for (const n of [1024, 2048]) {
      const a = engine().tensor(normals(4 * n, 1), [n, 4], { requiresGrad: true });
      const before = engine().memory().bytes;
      engine().resetPeakMemory();
      const y = engine().scope(() =>
        sum(pairReduction(a, undefined, { reduce: 'sum', value: 'exp(s)', derivative: 'exp(s)' })),
      );
      y.backward();
      used.push(engine().memory().peakBytes - before);
      a.dispose();
      y.dispose();
      await engine().sync();
    }
    expect(used[1] / used[0]).toBeLessThan(2.3);
    expect(used[1]).toBeLessThan((4 * 2048 * 2048) / 4);
  });
});
