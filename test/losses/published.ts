// What the published code of each loss gives on inputs that a formula makes, executed in f64: value, norms of the gradients,
// and the first entry of the first gradient.
import { expect, test } from 'vitest';
import type { Tensor } from '../../src/index.ts';
import * as g from '../../src/index.ts';

type Rows = readonly (readonly number[])[];
const rows = (count: number, columns: number, entry: (i: number, j: number) => number): Rows =>
  Array.from({ length: count }, (_, i) => Array.from({ length: columns }, (__, j) => entry(i, j)));
const mapped = (m: Rows, entry: (value: number, i: number, j: number) => number): Rows =>
  m.map((row, i) => row.map((value, j) => entry(value, i, j)));

const A = rows(8, 6, (i, j) => Math.sin(0.9 + 1.7 * i + 0.6 * j + 0.11 * i * j));
const B = mapped(A, (a, i, j) => a + 0.3 * Math.cos(0.5 + 0.8 * i - 1.1 * j));
const C = rows(8, 6, (i, j) => Math.cos(0.2 + 1.1 * i + 0.9 * j + 0.07 * i * j));
const E = rows(8, 6, (i, j) => Math.sin(2.3 + 0.5 * i - 1.3 * j + 0.13 * i * j));
const X = rows(10, 6, (i, j) => Math.sin(0.9 + 1.7 * i + 0.6 * j + 0.11 * i * j));
const Y = mapped(X, (x, i, j) => 0.5 * x + Math.cos(0.2 + 1.1 * i + 0.9 * j + 0.07 * i * j));
const PROXIES = (count: number): Rows => rows(count, 6, (k, j) => Math.cos(0.4 + 0.9 * k + 0.7 * j + 0.05 * k * j));
const SLICES = rows(6, 7, (i, j) => Math.sin(0.7 + 1.1 * i + 0.9 * j + 0.13 * i * j));
const LABELS = Int32Array.from([0, 0, 1, 1, 2, 2, 2, 3]); // the last is alone
const SCORES = [0.9, 0.1, 0.5, 0.5, 0.7, 0.3, 1, 0];
const IMAGES = [A, B, C];
const TAUGHT = [E, [...A].reverse(), B.map((row) => [...row].reverse())];

/** Logits of students and teachers: rows of as many features as there are prototypes, which are the axes. */
const LOGITS = (view: number, phase: number, count = 6, factor = 1): Rows =>
  rows(count, 10, (n, k) => 2 * factor * Math.sin(phase + 0.4 * view + 1.3 * n + 0.7 * k + 0.05 * n * k));
const AXES = rows(10, 10, (i, j) => (i === j ? 1 : 0));
const taught = (factor = 1): Tensor[] => [0, 1].map((view) => constant(LOGITS(view, 0.9, 6, factor)));
const teaching = (
  options: Partial<g.DINOOptions> = { center: constant(rows(1, 10, (_, k) => 0.1 * Math.cos(k))[0] as never) },
) => ({
  studentPrototypes: constant(AXES),
  teacherPrototypes: constant(AXES),
  ...options,
});
/** Three images with 3, 1 and 4 masked patches. */
const MASKED = [3, 3, 3, 1, 4, 4, 4, 4].map((patches) => 1 / (3 * patches));

const ALL = ['queryToDocument', 'queryToQuery', 'documentToQuery', 'documentToDocument'] as const;
const BOTH = ['queryToDocument', 'documentToQuery'] as const;
const ranking =
  (options?: g.MultipleNegativesOptions) =>
  ([q, ...d]: readonly Tensor[]): Tensor =>
    g.multipleNegatives(q, d, options);
let engine: () => g.Engine;
const constant = (m: Rows | readonly Rows[]): Tensor => engine().tensor(m as never);

interface Published {
  readonly of: readonly (Rows | readonly Rows[])[];
  readonly run: (inputs: readonly Tensor[]) => Tensor;
  readonly value: number;
  /** Of each input's gradient: null is that of a constant, undefined was not published. */
  readonly norms?: readonly (number | null | undefined)[];
  readonly first?: number;
}

const TABLE: Readonly<Record<string, Published>> = {
  multipleNegatives: { of: [A, B], run: ranking(), value: 0.0500929, norms: [0.1460782, 0.1240384], first: -0.001774 },
  'multipleNegatives, two hard negatives': {
    of: [A, B, C, E],
    run: ranking(),
    value: 0.4663207,
    norms: [0.3711854, 0.3678521, 0.1954352, 0.2031883],
    first: -0.0151488,
  },
  'multipleNegatives, products': {
    of: [A, B],
    run: ranking({ metric: 'dot', scale: 1 }),
    value: 0.7530568,
    norms: [0.2120882, 0.305559],
    first: -0.0633261,
  },
  'multipleNegatives, per direction': {
    of: [A, B],
    run: ranking({ directions: BOTH, partition: 'perDirection' }),
    value: 0.0503379,
    norms: [0.1265145, 0.1280968],
    first: -0.0014313,
  },
  'multipleNegatives, per direction, hard negatives': {
    of: [A, B, C, E],
    run: ranking({ directions: BOTH, partition: 'perDirection' }),
    value: 0.2584518,
    norms: [0.2288074, 0.2205745, 0.0977176, 0.1015942],
    first: -0.0081187,
  },
  'multipleNegatives, two directions': {
    of: [A, B],
    run: ranking({ directions: BOTH }),
    value: 0.7444673,
    norms: [0.1329206, 0.1338776],
    first: -0.0014608,
  },
  'multipleNegatives, four directions': {
    of: [A, B],
    run: ranking({ directions: ALL }),
    value: 0.7778497,
    norms: [0.1831079, 0.2063768],
    first: -0.0111751,
  },
  'multipleNegatives, four directions, hard negatives': {
    of: [A, B, C, E],
    run: ranking({ directions: ALL }),
    value: 1.1890582,
    norms: [0.3645361, 0.4355173, 0.1884452, 0.1829312],
    first: -0.0181054,
  },
  'multipleNegatives, hardness of hard negatives': {
    of: [A, B, C, E],
    run: ranking({ hardness: { on: 'hard', alpha: 5 } }),
    value: 1.1745088,
    norms: [0.7249421, 0.4959815, 0.5409337, 0.6346942],
    first: -0.0151487,
  },
  'multipleNegatives, hardness of all': {
    of: [A, B, C, E],
    run: ranking({ hardness: { on: 'all', alpha: 5 } }),
    value: 3.425095,
    norms: [1.0202964, 0.7667739, 0.6704991, 0.7466011],
    first: -0.3502939,
  },
  matryoshka: {
    of: [A, B],
    run: ([q, d]) => g.matryoshka(g.multipleNegatives, { dims: [6, 4, 2] })(q, d),
    value: 0.3382783,
    norms: [0.3618068, 0.7949672],
    first: -0.0786894,
  },
  'matryoshka, weights': {
    of: [A, B, C, E],
    run: ([q, ...d]) => g.matryoshka(g.multipleNegatives, { dims: [2, 6, 4], weights: [0.25, 1, 0.5] })(q, d),
    value: 1.1903383,
    norms: [1.0010082, 1.0096024, 0.2461451, 0.3166113],
    first: -0.0302079,
  },
  'matryoshka, four directions': {
    of: [A, B],
    run: ([q, d]) => g.matryoshka(g.multipleNegatives, { dims: [6, 4, 2] })(q, d, { directions: ALL }),
    value: 2.968415,
    norms: [2.0792198, 3.7134915],
    first: -0.0813147,
  },
  megaBatch: {
    of: [A, B],
    run: ([a, b]) => g.megaBatch(a, b),
    value: 0.4742364,
    norms: [0.1304784, 0.1138682],
    first: -0.0406531,
  },
  cosent: { of: [A, C], run: ([a, c]) => g.cosent(a, c, SCORES), value: 36.2961914, norms: [6.2010481, 6.6357131] },
  angle: {
    of: [A, C],
    run: ([a, c]) => g.angle(a, c, SCORES),
    value: 18.0567431,
    norms: [19.663649, 18.7178893],
    first: 0.0003045,
  },
  nnclr: {
    of: [A, B],
    run: ([a, b]) => g.nnclr(a, b, constant(PROXIES(5))),
    value: 1.9312035,
    norms: [null, 1.1567417],
  },
  multiSimilarity: {
    of: [A],
    run: ([z]) => g.multiSimilarity(z, LABELS),
    value: 1.2811812,
    norms: [0.3074339],
    first: -0.0896407,
  },
  'multiSimilarity, a reference': {
    of: [A, B],
    run: ([z, reference]) => g.multiSimilarity(z, LABELS, { reference, referenceLabels: LABELS }),
    value: 1.2165309,
    norms: [0.1608062, 0.1699985],
    first: -0.0575792,
  },
  circle: { of: [A], run: ([z]) => g.circle(z, LABELS), value: 195.6022647, norms: [51.9301886], first: -13.2033058 },
  'circle, 0.25 and 256': {
    of: [A],
    run: ([z]) => g.circle(z, LABELS, { margin: 0.25, gamma: 256 }),
    value: 675.8368005,
    norms: [151.684204],
    first: -37.8945023,
  },
  contrastive: {
    of: [A],
    run: ([z]) => g.contrastive(z, LABELS),
    value: 2.0432419,
    norms: [0.3380198],
    first: -0.1155142,
  },
  'contrastive, cosines': {
    of: [A],
    run: ([z]) => g.contrastive(z, LABELS, { positiveMargin: 1, negativeMargin: 0.2, metric: 'cosine' }),
    value: 1.8864151,
    norms: [0.3692605],
    first: -0.1447104,
  },
  arcFace: {
    of: [A, PROXIES(4)],
    run: ([z, w]) => g.arcFace(z, w, LABELS),
    value: 56.5467134,
    norms: [13.7483125, 11.7720551],
  },
  cosFace: {
    of: [A, PROXIES(4)],
    run: ([z, w]) => g.cosFace(z, w, LABELS),
    value: 55.8651426,
    norms: [14.0371578, 10.9889636],
  },
  proxyAnchor: {
    of: [A, PROXIES(4)],
    run: ([z, w]) => g.proxyAnchor(z, w, LABELS),
    value: 47.8729971,
    norms: [7.1497037, 5.2623],
    first: -0.000073,
  },
  'proxyAnchor, a class without rows': {
    of: [A, PROXIES(5)],
    run: ([z, w]) => g.proxyAnchor(z, w, LABELS),
    value: 47.8663041,
    norms: [7.2037554, 5.3598342],
    first: -0.0000748,
  },
  proxyNCA: {
    of: [A, PROXIES(4)],
    run: ([z, w]) => g.proxyNCA(z, w, LABELS),
    value: 1.8210573,
    norms: [0.3034374, 0.2828344],
    first: -0.0114245,
  },
  spectralContrastive: {
    of: [A, B],
    run: ([a, b]) => g.spectralContrastive(a, b),
    value: -1.6636074,
    norms: [0.085697, 0.1096031],
    first: -0.0210546,
  },
  froSSL: {
    of: [A, B],
    run: ([a, b]) => g.froSSL(a, b),
    value: -1.8690943,
    norms: [0.2873105, 0.2800083],
    first: -0.0719506,
  },
  'orthogonality, mean': {
    of: [A],
    run: ([z]) => g.orthogonality(z, { secondMoment: 0 }),
    value: 0.01501,
    norms: [0.0116459],
    first: 0.0000123,
  },
  'orthogonality, second moment': {
    of: [A],
    run: ([z]) => g.orthogonality(z, { mean: 0 }),
    value: 0.1163336,
    norms: [0.1133906],
    first: -0.0269635,
  },
  cka: { of: [X, Y], run: ([x, y]) => g.cka(x, y), value: 0.3010421 },
  'cka, debiased': { of: [X, Y], run: ([x, y]) => g.cka(x, y, { debiased: true }), value: -0.001357 },
  'gramAnchoring, images': {
    of: [IMAGES],
    run: ([s]) => g.gramAnchoring(s, constant(TAUGHT)),
    value: 0.4987382,
    norms: [0.0748778],
    first: -0.0115683,
  },
  'gramAnchoring, images, clamped': {
    of: [IMAGES],
    run: ([s]) => g.gramAnchoring(s, constant(TAUGHT), { clamp: 'both' }),
    value: 0.1389931,
    norms: [0.0315239],
    first: -0.0053685,
  },
  gramAnchoring: {
    of: [IMAGES.flat()],
    run: ([s]) => g.gramAnchoring(s, constant(TAUGHT.flat())),
    value: 0.6847343,
    norms: [0.0625328],
    first: -0.0032786,
  },
  'gramAnchoring, the teacher clamped': {
    of: [IMAGES.flat()],
    run: ([s]) => g.gramAnchoring(s, constant(TAUGHT.flat()), { clamp: 'teacher' }),
    value: 0.5207234,
    norms: [0.0618194],
    first: -0.0058197,
  },
  dino: {
    of: [LOGITS(0, 0.3), LOGITS(1, 0.3), LOGITS(2, 0.3), LOGITS(3, 0.3)],
    run: (students) => g.dino(students, taught(), teaching()),
    value: 2.8721582,
    norms: [0.8459802, undefined, 0.5144488],
    first: -0.0018639,
  },
  'dino, the crops themselves too': {
    of: [LOGITS(0, 0.3), LOGITS(1, 0.3)],
    run: (students) => g.dino(students, taught(), { ...teaching(), skipSame: false }),
    value: 4.3334327,
    norms: [2.0963236],
    first: -0.0027981,
  },
  'dino, Sinkhorn': {
    of: [LOGITS(2, 0.3), LOGITS(3, 0.3)],
    run: (students) =>
      g.dino(students, taught(0.2), teaching({ codes: 'sinkhorn', teacherTemperature: 0.07, skipSame: false })),
    value: 3.2487131,
    norms: [0.9624503],
  },
  ibot: {
    of: [LOGITS(4, 0.3, 8)],
    run: ([student]) =>
      g.ibot(student, constant(LOGITS(5, 0.9, 8)), {
        ...teaching(),
        teacherTemperature: 0.07,
        weights: constant(MASKED as never),
      }),
    value: 8.0254045,
    norms: [4.8119469],
  },
  sigReg: {
    of: [A],
    run: ([z]) => g.sigReg(z, constant(SLICES)),
    value: 0.7817406,
    norms: [0.5561475],
    first: 0.0197975,
  },
  'sigReg, views': {
    of: [A, B, C, E],
    run: (z) => g.sigReg(z, constant(SLICES)),
    value: 0.8824491,
    norms: [0.1390369],
    first: 0.0049494,
  },
  leJEPA: {
    of: [A, B, C, E],
    run: ([a, b, ...locals]) => g.leJEPA([a, b], locals, constant(SLICES)),
    value: 0.4818114,
    norms: [0.0579554, 0.0564156, 0.0689933, 0.0651025],
    first: -0.0005398,
  },
  'leJEPA, stable-pretraining': {
    of: [A, B, C, E],
    run: ([a, b, ...locals]) =>
      g.leJEPA([a, b], locals, constant(SLICES), { lambda: 0.02, convention: 'stable-pretraining' }),
    value: 0.5067646,
    norms: [0.0612241, 0.0582098, 0.0688165, 0.0688082],
    first: -0.001137,
  },
};

export function testPublished(on: () => g.Engine): void {
  engine = on;
  test.each(Object.entries(TABLE))(
    'what the published code of %s gives',
    async (_, { of, run, value, norms = [], first }) => {
      const inputs = of.map((m) => engine().tensor(m as never, undefined, { requiresGrad: true }));
      const result = engine().scope(() => {
        const loss = run(inputs);
        loss.backward();
        return loss;
      });
      const got = await result.item();
      const gradients = await Promise.all(inputs.map(({ grad }) => (grad as Tensor).data()));
      for (const tensor of [...inputs, result]) tensor.dispose();
      const printed = 6e-8; // half of the last digit that was published
      expect(Math.abs(got - value)).toBeLessThan(1e-5 * Math.max(Math.abs(value), 0.1));
      norms.forEach((norm, i) => {
        if (norm === undefined) return;
        if (norm === null) return expect(Math.max(...gradients[i].map(Math.abs))).toBe(0);
        expect(Math.abs(Math.hypot(...gradients[i]) / norm - 1)).toBeLessThan(1e-5);
      });
      if (first !== undefined)
        expect(Math.abs(gradients[0][0] - first)).toBeLessThan(
          1e-5 * Math.max(...gradients[0].map(Math.abs)) + printed,
        );
    },
  );
}
