import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type Engine, type EngineOptions } from '../../src/engine/engine.ts';
import { Device } from '../../src/gpu/device.ts';
import { extrasOf, type MatrixShape } from '../../src/gpu/deviceInfo.ts';
import { largest } from '../../src/gpu/kernels.generated.ts';
import { linkKernel } from '../../src/gpu/link.ts';
import { toHalves } from '../../src/launch/halves.ts';
import { type Form, productForm } from '../../src/launch/productForm.ts';
import { ntXent } from '../../src/losses/ntXent.ts';
import { logSumExp } from '../../src/ops/logSumExp.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { sum } from '../../src/ops/sum.ts';
import { chooseFamilies, type FamilyChoice, type MatmulPrecision, matrixFor } from '../../src/tuning/families.ts';
import { kernelNames, readKernel } from '../../tools/generate.ts';
import { choosing, questionsOf } from '../choices.ts';
import { normals, sharedEngine } from '../engine.ts';

const HALF: MatrixShape = { m: 16, n: 16, k: 16, of: 'f16' };
const SMALL: MatrixShape = { m: 8, n: 8, k: 8, of: 'f32' };
const EPSILON = 2 ** -24;

describe('what an adapter offers', () => {
  const config = (componentType: string, resultComponentType: string, M: number, N: number, K: number) =>
    ({ componentType, resultComponentType, M, N, K }) as const;
  const info = (least: number, most: number, subgroupMatrixConfigs: ReturnType<typeof config>[] = []) =>
    ({ subgroupMinSize: least, subgroupMaxSize: most, subgroupMatrixConfigs }) as unknown as GPUAdapterInfo;
  const all = new Set(['subgroups', 'subgroup-size-control', 'shader-f16', 'chromium-experimental-subgroup-matrix']);

  test.each<[string, Set<string>, GPUAdapterInfo | null, ReturnType<typeof extrasOf>]>([
    ['nothing', new Set(), null, { subgroup: null, f16: false, matrices: [] }],
    [
      'one size',
      new Set(['subgroups']),
      info(32, 32),
      { subgroup: { size: 32, pinned: false }, f16: false, matrices: [] },
    ],
    [
      'sizes that cannot be asked for',
      new Set(['subgroups']),
      info(8, 32),
      { subgroup: null, f16: false, matrices: [] },
    ],
    ['sizes that can', all, info(8, 32), { subgroup: { size: 32, pinned: true }, f16: true, matrices: [] }],
    [
      'matrices with f32 sums',
      all,
      info(32, 32, [
        config('f16', 'f16', 16, 16, 16),
        config('f16', 'f32', 16, 16, 16),
        config('u8', 'u32', 16, 16, 32),
      ]),
      { subgroup: { size: 32, pinned: false }, f16: true, matrices: [HALF] },
    ],
  ])('%s', (_, features, given, extras) => {
    expect(extrasOf(features, given)).toEqual(extras);
  });

  test('a precision chooses among matrix units', () => {
    const both = [{ ...HALF, n: 8 }, HALF, SMALL, { m: 16, n: 16, k: 64, of: 'f16' as const }];
    expect(matrixFor([HALF], 'highest')).toBeNull();
    expect(matrixFor([HALF], 'high')).toEqual(HALF);
    expect([matrixFor(both, 'highest'), matrixFor(both, 'high'), matrixFor(both, 'medium')]).toEqual([
      SMALL,
      SMALL,
      HALF,
    ]);
  });

  test('reduced precision comes on request only', async () => {
    const extras = { subgroup: { size: 32, pinned: false }, f16: true, matrices: [HALF] };
    expect(chooseFamilies(extras, 'highest').families).toEqual(['f32', 'subgroups']);
    expect(chooseFamilies(extras, 'high').families).toEqual(['f32', 'subgroups', 'subgroup-matrix']);
    expect(chooseFamilies(extras, 'medium').families).toEqual(['f32', 'subgroups', 'f16', 'subgroup-matrix']);
    expect(chooseFamilies(extras, 'medium', ['f16'])).toMatchObject({ families: ['f32', 'f16'], forced: true });
    expect(() => chooseFamilies(extras, 'highest', ['f16'])).toThrow(
      /^createEngine: families has "f16", which this adapter does not offer at matmulPrecision "highest", expected some of f32, subgroups\.$/,
    );
    await expect(createEngine({ families: ['f16', 'tf32' as 'f32'] })).rejects.toThrow(
      /^createEngine: families = \["f16","tf32"\], expected an array of f32, subgroups, f16, subgroup-matrix\.$/,
    );
  });
});

describe('linking a family', () => {
  test('a tuning swaps pieces, and directives go first', () => {
    const { code } = linkKernel(readKernel('matmul'), { SUBGROUP: 8 });
    expect(code.startsWith('enable subgroups;\n')).toBe(true);
    expect(code).toContain('subgroupShuffle');
    expect(code.match(/fn tile_product\(/g)).toHaveLength(1);
    expect(linkKernel(readKernel('matmul')).code).not.toMatch(/^enable|subgroupShuffle/m);
  });

  test('a piece that both families change is there once', () => {
    const { code } = linkKernel(readKernel('matmul_fragments'), { MATRIX: 1, F16: 1 });
    expect(code.match(/^alias part = f16;$/gm)).toHaveLength(1);
    expect(code).not.toMatch(/^alias part = f32;$/m);
    expect(code).not.toMatch(/subgroup(Add|Shuffle|Exclusive)/); // with matrices in one module they crash a driver
  });

  test('a size that must be asked for is, of every entry', () => {
    const { code } = linkKernel(readKernel('normalize'), { LANES: 32, SUBGROUP: 32, PINNED: 1 });
    expect(code).toContain('@compute @subgroup_size(SUBGROUP) @workgroup_size(WG)');
    expect(code.startsWith('enable subgroup_size_control;\nenable subgroups;\n')).toBe(true);
  });

  test('whatever lanes a row has, there are kernels for subgroups of any width', () => {
    const kernels = kernelNames().map(readKernel);
    const ofRows = kernels.filter(({ tunables }) => 'LANES' in tunables);
    expect(ofRows.length).toBeGreaterThan(20);
    for (const kernel of ofRows)
      for (const LANES of [4, 8, 16, 32, 64])
        expect(() => linkKernel(kernel, { LANES, SUBGROUP: LANES, PINNED: 1 }), kernel.name).not.toThrow();
  });

  test('kernels without a form in a family take its offer without change', () => {
    const plain = readKernel('row_nearest_chord');
    expect(linkKernel(plain, { SUBGROUP: 8 }).code).toBe(linkKernel(plain).code);
    expect(() => linkKernel(plain, { F16: 1 })).toThrow(/no tunable is named F16/);
  });
});

/** f16 with unlimited exponents: 11 bits, as in lib/part_f16.wgsl, which scales numbers into its range. */
function half(x: number): number {
  if (x === 0) return 0;
  const step = 2 ** (Math.floor(Math.log2(Math.abs(x))) - 10);
  return Math.round(x / step) * step;
}

test.each([128, 1024, 4096])('sums of %d products of split halves are nearly as good as those of f32', (depth) => {
  const errors = { f32: 0, split: 0, half: 0 };
  const all = normals(2 * 40 * depth, 7);
  for (let row = 0; row < 40; row++) {
    const [a, b] = [
      all.subarray(2 * row * depth, (2 * row + 1) * depth),
      all.subarray((2 * row + 1) * depth, (2 * row + 2) * depth),
    ];
    let exact = 0;
    let [single, split, coarse] = [0, 0, 0];
    for (let k = 0; k < depth; k++) {
      const [ah, bh] = [half(a[k]), half(b[k])];
      const [al, bl] = [half(a[k] - ah), half(b[k] - bh)];
      exact += a[k] * b[k];
      single = Math.fround(single + a[k] * b[k]);
      coarse = Math.fround(coarse + ah * bh);
      for (const part of [al * bh, ah * bl, ah * bh]) split = Math.fround(split + part);
    }
    errors.f32 = Math.max(errors.f32, Math.abs(single - exact));
    errors.split = Math.max(errors.split, Math.abs(split - exact));
    errors.half = Math.max(errors.half, Math.abs(coarse - exact));
  }
  console.log(depth, errors);
  expect(errors.split).toBeLessThan(3 * errors.f32);
  expect(errors.half).toBeGreaterThan(30 * errors.split);
});

// On the adapter -----------------------------------------------------------------------------------------------------

let plain: Engine;
const others: Engine[] = [];
beforeAll(async () => {
  plain = await createEngine({ tune: 'off', families: ['f32'] });
});
afterEach(() => {
  for (const engine of others.splice(0)) engine.destroy();
});
afterAll(() => plain?.destroy());

async function engineOf(options: EngineOptions): Promise<Engine> {
  const engine = await createEngine({ tune: 'off', ...options });
  others.push(engine);
  return engine;
}

const offered = (await sharedEngine()).info;

/** An engine on which plain WGSL does what a matrix unit would: kernels as their files have them, see lib/fragment.wgsl. */
async function emulated(shape: MatrixShape, precision: MatmulPrecision): Promise<Engine> {
  Device.substitute = (kernel) => ('FM' in kernel.tunables ? readKernel(kernel.name) : kernel);
  const engine = await engineOf({ families: ['f32'] });
  const choice: FamilyChoice = {
    families: ['f32', 'subgroup-matrix'],
    precision,
    forced: true,
    matrix: shape,
    emulated: true,
  };
  (engine as { choice: FamilyChoice }).choice = choice;
  return engine;
}

const [M, N, K] = [70, 37, 50];
const A = normals(M * K, 1);
const B = normals(K * N, 2);

/** The number that 16 bits stand for in f16, subnormal ones included. */
function ofHalf(bits: number): number {
  const [exponent, digits] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 0 ? digits * 2 ** -24 : (1024 + digits) * 2 ** (exponent - 25);
  return bits >> 15 ? -size : size;
}

// A part of a matrix, in a larger copy: what lies beside it must not come along, whatever it is.
test.each<[string, Exclude<Form, { by: 'tile' }>]>([
  ['f32', { by: 'fragments', shape: SMALL, split: false, emulated: true }],
  ['halves', { by: 'halves', split: false }],
  ['split halves', { by: 'halves', split: true }],
])('operands packed as %s have zeros past their rows and columns', async (_, form) => {
  const halves = form.by === 'halves';
  if (halves && !offered.f16) return;
  const engine = await engineOf({ families: ['f32'] });
  const [at, stride, rows, columns] = [7, 21, 9, 14];
  for (const columnsOfCopy of [16, 28]) {
    for (const count of [columns - 1, columns, columns + 1, columns + 2]) {
      const out = { rows: 13, stride: columnsOfCopy };
      const source = normals(at + stride * (rows + 2), 11).map((value) => 1e-20 * value);
      const seen = Array.from(
        { length: rows * count },
        (_, n) => source[at + Math.floor(n / count) * stride + (n % count)],
      );
      const most = new Float32Array([Math.max(...seen.map(Math.abs))]);
      const x = engine.tensor(source);
      const top = engine.tensor(new Uint32Array(most.buffer));
      const packed = toHalves(engine, 'test', form, { of: x, at, stride, rows, columns: count }, out, top);
      const numbers = (form.split ? 2 : 1) * out.rows * out.stride;
      const bytes = await engine.lowLevel.read('test', packed.of, (halves ? 2 : 4) * numbers);
      const scale = halves ? 2 ** (14 - Math.floor(Math.log2(most[0]))) : 1;
      const got = halves ? Array.from(new Uint16Array(bytes), ofHalf) : [...new Float32Array(bytes)];
      for (let n = 0; n < out.rows * out.stride; n++) {
        const [r, c] = [Math.floor(n / out.stride), n % out.stride];
        const wanted = r < rows && c < count ? scale * source[at + r * stride + c] : 0;
        // Half of the last of 11 bits, or of f16's subnormal ones.
        const step = halves ? Math.max(Math.abs(wanted) * 2 ** -11, 2 ** -25) : 0;
        expect(Math.abs(got[n] - wanted), `[${r}, ${c}]`).toBeLessThanOrEqual(step);
        if (!form.split) continue;
        const low = got[packed.low + n];
        expect(Math.abs(got[n] + low - wanted), `[${r}, ${c}], split`).toBeLessThanOrEqual(
          Math.max(step * 2 ** -11, 2 ** -25),
        );
      }
      for (const each of [x, top]) each.dispose();
      packed.release();
    }
  }
});

test('the largest magnitude of a part of a matrix, whatever lies beside it', async () => {
  const [at, stride, rows, columns] = [5, 53, 41, 50];
  const top = plain.tensor(new Uint32Array(1));
  for (const [r, c, value] of [
    [0, 0, 7],
    [0, 1, -7],
    [20, 7, -7],
    [40, 0, 7],
    [40, 49, -7],
  ] as const) {
    const source = new Float32Array(at + stride * (rows + 40)).fill(1e9);
    const inside = normals(rows * columns, 12).map((each) => Math.tanh(each));
    for (let row = 0; row < rows; row++)
      source.set(inside.subarray(row * columns, (row + 1) * columns), at + row * stride);
    source[at + r * stride + c] = value;
    const x = plain.tensor(source);
    top.write(new Uint32Array(1));
    plain.run(largest, {
      params: { rows, columns, x_at: at, x_stride: stride },
      buffers: { x, top },
      groups: Math.ceil((rows * columns) / 1024),
      work: rows * columns,
    });
    expect([...(await top.data())]).toEqual([...new Uint32Array(new Float32Array([7]).buffer)]);
    x.dispose();
  }
  top.dispose();
});

/** Largest error of a product by f64, in units of the sums of magnitudes. */
async function productError(engine: Engine, scale = 1): Promise<number> {
  const scaled = A.map((value) => value * scale);
  const c = await matmul(engine.tensor(scaled, [M, K]), engine.tensor(B, [K, N])).data();
  let worst = 0;
  for (let i = 0; i < M; i++)
    for (let j = 0; j < N; j++) {
      let [exact, size] = [0, 0];
      for (let k = 0; k < K; k++) {
        exact += scaled[i * K + k] * B[k * N + j];
        size += Math.abs(scaled[i * K + k] * B[k * N + j]);
      }
      worst = Math.max(worst, Math.abs(c[i * N + j] - exact) / size);
    }
  return worst;
}

const Z = [normals(45 * 20, 3), normals(45 * 20, 4)];

async function loss(engine: Engine): Promise<{ value: number; gradient: Float32Array }> {
  const [z0, z1] = Z.map((data) => engine.tensor(data, [45, 20], { requiresGrad: true }));
  const value = ntXent(z0, z1, { temperature: 0.2 });
  value.backward();
  return { value: (await value.data())[0], gradient: await z0.grad!.data() };
}

/** How far value and gradient are from those in f32, relative to the value and to the largest entry. */
async function lossError(engine: Engine): Promise<{ value: number; gradient: number }> {
  const [wanted, got] = [await loss(plain), await loss(engine)];
  const top = Math.max(...wanted.gradient.map(Math.abs));
  const off = Math.max(...wanted.gradient.map((v, i) => Math.abs(v - got.gradient[i])));
  return { value: Math.abs(got.value - wanted.value) / wanted.value, gradient: off / top };
}

test('an engine says what it uses', async () => {
  expect(plain.info.families).toEqual(['f32']);
  const { families, subgroup, matmulPrecision } = offered;
  expect(families).toEqual(subgroup ? ['f32', 'subgroups'] : ['f32']);
  expect(matmulPrecision).toBe('highest');
});

test.skipIf((offered.subgroup?.size ?? 0) < 8)(
  'shuffled tiles give the bits of plain ones, and lanes that shuffle the same sums',
  async () => {
    const engine = await engineOf({ families: ['subgroups'] });
    const results: Float32Array[][] = [];
    for (const on of [plain, engine]) {
      const [a, b] = [on.tensor(A, [M, K]), on.tensor(B, [K, N])];
      results.push(
        await Promise.all([matmul(a, b), matmul(b, a, { transposeA: true, transposeB: true })].map((t) => t.data())),
      );
    }
    expect(results[1]).toEqual(results[0]);
    const wide = normals(30 * 300, 9);
    for (const op of [logSumExp, (x: Parameters<typeof sum>[0], axis: number) => sum(x, axis)]) {
      const [x, y] = await Promise.all([plain, engine].map((on) => op(on.tensor(wide, [30, 300]), 1).data()));
      for (const [i, value] of x.entries()) expect(Math.abs(value - y[i])).toBeLessThan(40 * 300 * EPSILON);
    }
    const off = await lossError(engine);
    expect(off.value).toBeLessThan(1e-6);
    expect(off.gradient).toBeLessThan(1e-5);
  },
  300_000,
);

test.skipIf(!offered.f16)(
  'operands in half precision: 11 bits of each, at any magnitude',
  async () => {
    const engine = await engineOf({ families: ['f16'], matmulPrecision: 'medium' });
    for (const scale of [1, 1e30, 1e-30]) {
      const error = await productError(engine, scale);
      expect(error).toBeLessThan(2 * 2 ** -11);
      expect(error).toBeGreaterThan(2 ** -16); // it is half precision indeed
    }
    const off = await lossError(engine);
    expect(off.value).toBeLessThan(1e-3);
    expect(off.gradient).toBeLessThan(1e-2);
  },
  300_000,
);

test.skipIf(!offered.f16)(
  'a precision that allows halves has them as a choice: by the model only on large products of a GPU, or as the tuner says',
  async () => {
    const engine = await engineOf({ matmulPrecision: 'medium' });
    const by = (size: number): string => productForm(engine, { rows: size, columns: size, depth: size }).by;
    expect([64, 4096].map(by)).toEqual(['tile', 'tile']);
    const info = engine.info as { software: boolean };
    info.software = false;
    expect([64, 4096].map(by)).toEqual(['tile', 'halves']);
    info.software = true;

    const [a, b] = [engine.tensor(A, [M, K]), engine.tensor(B, [K, N])];
    const product = () => matmul(a, b);
    const question = [...questionsOf(engine, product).keys()].find((name) => name.startsWith('product family')) ?? '';
    const plainly = await productError(engine);
    const halved = await choosing(engine, { [question]: 'halves' }, () => productError(engine));
    expect(plainly).toBeLessThan(2 ** -18);
    expect(halved).toBeGreaterThan(2 ** -16);
    const [launch] = engine.explain(product).filter(({ kernel }) => kernel.startsWith('matmul'));
    expect(launch.choices.map(({ question: asked }) => asked)).toContain(question);
  },
  300_000,
);

// K sums of f32 on either side of the split: its own 2^-22 and the sums' rounding.
test.each<[string, MatrixShape, MatmulPrecision, number, number]>([
  ['f32 matrices', SMALL, 'highest', K * EPSILON, 1e-5],
  ['split halves', { ...HALF, n: 8 }, 'high', 4 * EPSILON + 3 * K * EPSILON, 1e-5],
  ['halves', { ...HALF, m: 8 }, 'medium', 2 * 2 ** -11, 1e-2],
])(
  'fragments of %s, done in plain WGSL',
  async (_, shape, precision, budget, gradient) => {
    if (shape.of === 'f16' && !offered.f16) return;
    const engine = await emulated(shape, precision);
    for (const scale of [1, 1e30]) expect(await productError(engine, scale)).toBeLessThan(budget);
    const off = await lossError(engine);
    expect(off.gradient).toBeLessThan(gradient);
    expect(off.value).toBeLessThan(gradient);
  },
  600_000,
);
