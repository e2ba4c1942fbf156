import { expect, test } from 'vitest';
import { dcl, ntXent, supCon, type Tensor, uniformity } from '../../src/index.ts';
import { expectClose, largest } from '../compare.ts';
import { normals } from '../engine.ts';
import * as reference from '../reference/losses/symmetric.ts';
import { matrix } from '../reference/matrix.ts';
import { watchedEngine } from '../watch.ts';

const engine = watchedEngine();

const random = (n: number, d: number, seed: number): Tensor =>
  engine().tensor(normals(n * d, seed), [n, d], { requiresGrad: true });
const free = (...tensors: Tensor[]): void => {
  for (const tensor of tensors) tensor.dispose();
};
const indices = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);

type Loss = (views: Tensor[]) => Tensor;

async function evaluate(run: Loss, inputs: readonly (readonly [data: Float32Array, d: number])[]) {
  const tensors = inputs.map(([data, d]) => engine().tensor(data, [data.length / d, d], { requiresGrad: true }));
  const loss = run(tensors);
  loss.backward();
  const gradients = await Promise.all(tensors.map((tensor) => (tensor.grad as Tensor).data()));
  const value = await loss.item();
  free(...tensors, loss);
  return { value, gradients };
}

const LOSSES: Record<string, (views: Tensor[], temperature: number) => Tensor> = {
  'supCon, out': (views, temperature) =>
    supCon(
      views,
      indices(views[0].shape[0]).map((i) => i % 10),
      { temperature },
    ), // prettier-ignore
  'supCon, in': (views, temperature) =>
    supCon(
      views,
      indices(views[0].shape[0]).map((i) => i % 10),
      { temperature, form: 'in' },
    ), // prettier-ignore
  dcl: ([z0, z1], temperature) => dcl(z0, z1, { temperature }),
  uniformity: ([z], temperature) => uniformity(z, { t: 1 / (2 * temperature) }),
};

async function extraBytes(loss: (typeof LOSSES)[string], n: number, d: number, temperature: number): Promise<number> {
  const views = [random(n, d, 1), random(n, d, 2)];
  const before = engine().memory().bytes;
  engine().resetPeakMemory();
  const result = loss(views, temperature);
  result.backward();
  await result.item();
  const { peakBytes } = engine().memory();
  free(...views, result);
  return peakBytes - before;
}

test.each(Object.entries(LOSSES))('%s: memory is linear in rows', async (_, loss) => {
  for (const temperature of [0.1, 0.01]) {
    const base = await extraBytes(loss, 512, 32, temperature); // past n = 8 d: nothing of the triangle is kept
    expect(base).toBeLessThan(4 * 8 * (2 * 512) * 32 + 4 * 2 * 512 * 32); // 8 N D floats, and the gradients
    expect(await extraBytes(loss, 1024, 32, temperature)).toBeLessThan(2.1 * base);
  }
});

test.each([0.5, 0.1, 0.05, 0.01])('supCon with a label a pair is ntXent at temperature %d', async (temperature) => {
  const budget = 1e-5 * Math.max(1, 0.05 / temperature); // the rounding of a cosine counts 1 / temperature times
  for (const noise of [1, 0.1, 0.01]) {
    const [n, d] = [60, 24];
    const [a, more] = [normals(n * d, 1), normals(n * d, 2)];
    const views = [[a, d] as const, [a.map((x, i) => x + noise * more[i]), d] as const];
    const wanted = await evaluate(([z0, z1]) => ntXent(z0, z1, { temperature }), views);
    for (const form of ['out', 'in'] as const) {
      const got = await evaluate((z) => supCon(z, indices(n), { temperature, form }), views);
      expectClose('value', [got.value], [wanted.value], budget * Math.max(wanted.value, 0.1));
      got.gradients.forEach((gradient, i) => {
        expectClose('gradient', gradient, wanted.gradients[i], budget * largest(wanted.gradients[i]));
      });
    }
  }
});

test('a row without positives is a negative for the others; it stays in the mean, or leaves it', async () => {
  const d = 8;
  const data = normals(6 * d, 3);
  const labels = Int32Array.of(0, 1, 0, 1, 2 ** 31 - 1);
  const run = (rows: number, lonely?: 'zero' | 'skip') =>
    evaluate(([z]) => supCon([z], labels.slice(0, rows), { lonely }), [[data.slice(0, rows * d), d]]);
  const [without, zero, skip] = [await run(4), await run(5), await run(5, 'skip')];
  expect(skip.value).toBeGreaterThan(without.value);
  expectClose('skip', [skip.value], [(5 / 4) * zero.value], 1e-6 * skip.value);
  expect(largest(zero.gradients[0].slice(4 * d))).toBeGreaterThan(0);
});

test.each(['zero', 'skip'] as const)('all labels different, one view, lonely = %s: nothing to pull', async (lonely) => {
  for (const temperature of [0.1, 0.01]) {
    const run: Loss = (views) => supCon(views, indices(20), { lonely, temperature });
    const { value, gradients } = await evaluate(run, [[normals(20 * 5, 1), 5]]);
    expect(value).toBe(0);
    expect(largest(gradients[0])).toBe(0);
  }
});

test("convention = 'official' multiplies by tau / 0.07, a live tau too", async () => {
  const inputs = [[normals(40, 1), 4] as const, [normals(40, 2), 4] as const];
  const labels = indices(10).map((i) => i % 3);
  const paper = await evaluate((z) => supCon(z, labels, { temperature: 0.2 }), inputs);
  const slopes: number[] = [];
  for (const convention of ['paper', 'official'] as const) {
    const temperature = engine().tensor([0.2], [1], { requiresGrad: true });
    const got = await evaluate((z) => supCon(z, labels, { temperature, convention }), inputs);
    slopes.push(await (temperature.grad as Tensor).item());
    free(temperature);
    const factor = convention === 'paper' ? 1 : 0.2 / 0.07;
    expectClose('value', [got.value], [factor * paper.value], 1e-5 * got.value);
    got.gradients.forEach((gradient, i) => {
      const wanted = paper.gradients[i].map((x) => factor * x);
      expectClose('gradient', gradient, wanted, 1e-5 * largest(wanted));
    });
  }
  const wanted = (0.2 * slopes[0] + paper.value) / 0.07; // the product rule
  expectClose('slope', [slopes[1]], [wanted], 1e-4 * Math.abs(wanted));
});

test.each([
  ...Object.keys(LOSSES).flatMap((name) => [[name, 300, 20] as const, [name, 37, 5] as const]),
  ['ntXent', 1100, 128] as const, // 2,200 columns: more than one sum
])('%s of %d x %d by workgroups that own rows is that by panels', async (name, n, d) => {
  const loss = LOSSES[name] ?? (([z0, z1]: Tensor[], temperature: number) => ntXent(z0, z1, { temperature }));
  const seeds = name === 'uniformity' ? [1] : [1, 2]; // views
  const inputs = seeds.map((seed) => [normals(n * d, seed), d] as const);
  const run: Loss = (views) => loss(views, 0.2);
  const panels = await evaluate(run, inputs);
  const info = engine().info as { software: boolean };
  const own = info.software;
  info.software = false; // a GPU, of which this schedule is
  try {
    const launched = engine().explain(() =>
      run(inputs.map(([data]) => engine().tensor(data, [n, d], { requiresGrad: true }))).backward(),
    );
    expect(launched.some(({ kernel }) => kernel.endsWith('_row_block'))).toBe(true);
    const owned = await evaluate(run, inputs);
    expectClose('value', [owned.value], [panels.value], 2e-6);
    owned.gradients.forEach((g, i) => {
      expectClose(`gradient ${i}`, g, panels.gradients[i], 5e-6 * largest(panels.gradients[i]));
    });
  } finally {
    info.software = own;
  }
});

test('uniformity of equal rows is 0, and no gradient', async () => {
  for (const t of [0.5, 2, 30]) {
    const row = normals(7, 1);
    const { value, gradients } = await evaluate(
      ([z]) => uniformity(z, { t }),
      [[Float32Array.from({ length: 65 * 7 }, (_, i) => row[i % 7]), 7]],
    );
    expectClose('value', [value], [0], 1e-6 * Math.max(1, t));
    expect(largest(gradients[0])).toBeLessThan(1e-6 * Math.max(1, t));
  }
});

test.each([2, 30, 300])('uniformity at t = %d: zero rows, collapsed rows, clusters', async (t) => {
  const [n, d] = [60, 12];
  const noise = normals(n * d, 1);
  const rows = {
    'some zero, some below the floor of the norm': noise.map((x, i) => x * [1, 1, 0, 1, 3e-13][Math.floor(i / d) % 5]),
    'nearly the same': noise.map((x) => 100 + x),
    clusters: noise.map((x, i) => noise[(Math.floor(i / d) % 3) * d + (i % d)] + 0.01 * x),
    'all but one point': noise.map((x, i) => noise[i % d] + 1e-3 * x),
    any: noise,
  };
  for (const [what, data] of Object.entries(rows)) {
    const { value, gradients } = await evaluate(([z]) => uniformity(z, { t }), [[data, d]]);
    const wanted = reference.uniformity(matrix(n, d, data), t);
    expectClose(`${what}: value`, [value], [wanted.value], 1e-5 * Math.abs(wanted.value));
    const gradient = wanted.gradients[0].data;
    expectClose(`${what}: gradient`, gradients[0], gradient, 1e-5 * largest(gradient) + 1e-30); // below, f32 ends
  }
});

test('dcl with one pair has no negative: 0', async () => {
  for (const temperature of [0.1, 0.01]) {
    const run: Loss = ([z0, z1]) => dcl(z0, z1, { temperature });
    const { value, gradients } = await evaluate(run, [
      [normals(4, 1), 4],
      [normals(4, 2), 4],
    ]); // prettier-ignore
    expect(value).toBe(0);
    for (const gradient of gradients) expect(largest(gradient)).toBe(0);
  }
});

test('few features: rows are padded to a block of pairs, not beyond', () => {
  const labels = indices(100).map((i) => i % 3);
  for (const d of [1, 5]) {
    const z = engine().tensor(normals(100 * d, 1), [100, d], { requiresGrad: true });
    const list = engine().explain(() => supCon([z], labels).backward());
    const pairs = Math.max(...list.map(({ work }) => work));
    expect(pairs, `${d} features`).toBeLessThanOrEqual(2 * 128 * 128 * (d + 32));
    free(z);
  }
});

test('supCon of 4,096 rows', async () => {
  const [n, d] = [4096, 32];
  const data = normals(n * d, 1);
  const labels = indices(n).map((i) => i % 100);
  const bytes = 4 * 8 * n * d;
  const z = engine().tensor(data, [n, d], { requiresGrad: true });
  const before = engine().memory().bytes;
  engine().resetPeakMemory();
  const loss = supCon([z], labels);
  loss.backward();
  expect(await loss.item()).toBeGreaterThan(Math.log(n / 100));
  expect(engine().memory().peakBytes - before).toBeLessThan(bytes + 4 * n * d);
  free(z, loss);
}, 120_000);
