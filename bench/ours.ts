// The package as its users call it: one fused loss, its backward(), a sync.
import manifest from '../package.json' with { type: 'json' };
import type { Tensor } from '../src/core/tensor.ts';
import type { Engine } from '../src/engine/engine.ts';
import * as gramian from '../src/index.ts';
import type { BenchWork, Call } from '../src/testing/benchWork.ts';
import type { Contender, Entry, Work } from './contender.ts';
import { setUpStep } from './trainingStep.ts';

const binary =
  (op: (a: Tensor, b: Tensor) => Tensor): Call =>
  (t) =>
    op(t.a, t.b);
const unary =
  (op: (x: Tensor) => Tensor): Call =>
  (t) =>
    op(t.x);

const CALLS: Readonly<Record<string, Call>> = {
  ntXent: ({ z0, z1 }, options) => gramian.ntXent(z0, z1, options),
  supCon: ({ z0, z1 }, options, labels) => gramian.supCon([z0, z1], labels, options),
  dcl: ({ z0, z1 }, options) => gramian.dcl(z0, z1, options),
  hcl: ({ z0, z1 }, options) => gramian.hcl(z0, z1, options),
  uniformity: ({ z }, options) => gramian.uniformity(z, options),
  koLeo: ({ z }) => gramian.koLeo(z),
  clip: ({ a, b }, options) => gramian.clip(a, b, options),
  sigLip: ({ a, b }, options) => gramian.sigLip(a, b, options),
  infoNCE: ({ query, key, queue }, options) => gramian.infoNCE(query, key, { ...options, queue }),
  mocoV3: ({ query, key }, options) => gramian.mocoV3(query, key, { temperature: options.temperature }),
  protoNCE: ({ query, centroids, concentrations }, _, assignments) =>
    gramian.protoNCE(query, { centroids, concentrations, assignments }),
  multipleNegatives: ({ queries, positives, negatives }, options) =>
    gramian.multipleNegatives(queries, [positives, negatives], options),
  matryoshka: ({ queries, documents }, options) => {
    const [, d] = queries.shape;
    return gramian.matryoshka(gramian.multipleNegatives, { dims: [d, d / 2, d / 4] })(queries, documents, options);
  },
  nnclr: ({ z0, z1, support }, options) => gramian.nnclr(z0, z1, support, options),
  megaBatch: ({ a, b }, options) => gramian.megaBatch(a, b, options),
  cosent: ({ a, b }, options, scores) => gramian.cosent(a, b, [...scores], options),
  angle: ({ a, b }, options, scores) => gramian.angle(a, b, [...scores], options),
  multiSimilarity: ({ z }, options, labels) => gramian.multiSimilarity(z, labels, options),
  circle: ({ z }, options, labels) => gramian.circle(z, labels, options),
  contrastive: ({ z }, options, labels) => gramian.contrastive(z, labels, options),
  arcFace: ({ z, weights }, options, labels) => gramian.arcFace(z, weights, labels, options),
  cosFace: ({ z, weights }, options, labels) => gramian.cosFace(z, weights, labels, options),
  proxyNCA: ({ z, proxies }, options, labels) => gramian.proxyNCA(z, proxies, labels, options),
  proxyAnchor: ({ z, proxies }, options, labels) => gramian.proxyAnchor(z, proxies, labels, options),
  byol: ({ prediction, target }) => gramian.byol(prediction, target),
  simSiam: ({ prediction, projection }) => gramian.simSiam(prediction, projection),
  alignment: ({ x, y }, options) => gramian.alignment(x, y, options),
  barlowTwins: ({ z0, z1 }, options) => gramian.barlowTwins(z0, z1, options),
  vicReg: ({ z0, z1 }, options) => gramian.vicReg(z0, z1, options),
  varianceTerm: ({ z }) => gramian.varianceTerm(z),
  covarianceTerm: ({ z }) => gramian.covarianceTerm(z),
  spectralContrastive: ({ z0, z1 }, options) => gramian.spectralContrastive(z0, z1, options),
  froSSL: ({ z0, z1 }) => gramian.froSSL(z0, z1),
  orthogonality: ({ z }) => gramian.orthogonality(z),
  cka: ({ x, y }) => gramian.cka(x, y),
  gramAnchoring: ({ student, teacher }) => gramian.gramAnchoring(student, teacher),
  dino: ({ student, teacher, ...prototypes }, options) =>
    gramian.dino([student], [teacher], { ...prototypes, ...options, skipSame: false } as never),
  ibot: ({ student, teacher, ...prototypes }, options) =>
    gramian.ibot(student, teacher, { ...prototypes, ...options } as never),
  sigReg: ({ z, slices }, options) => gramian.sigReg(z, slices, options),
  leJEPA: ({ z0, z1, z2, slices }, options) => gramian.leJEPA([z0, z1], [z2], slices, options),
  clusterLoss: ({ logits0, logits1 }, options) => gramian.clusterLoss(logits0, logits1, options),
  contrastiveClustering: ({ z0, z1, logits0, logits1 }, options) =>
    gramian.contrastiveClustering({ instances: [z0, z1], clusters: [logits0, logits1] }, options),
  covariance: ({ z }) => gramian.covariance(z),
  crossCorrelation: ({ z0, z1 }) => gramian.crossCorrelation(z0, z1),
  sinkhorn: ({ scores }, options) => gramian.sinkhorn(scores, options),
  swav: ({ z0, z1, prototypes }, options) => gramian.swav([z0, z1], prototypes, options),
  entropicOT: ({ x, y }, { epsilon, iterations }) => gramian.entropicOT(x, y, { epsilon, iterations }).value,
  sinkhornDivergence: ({ x, y }, { epsilon, iterations }) => gramian.sinkhornDivergence(x, y, { epsilon, iterations }),
  matmul: binary((a, b) => gramian.matmul(a, b)),
  similarity: binary((a, b) => gramian.similarity(a, b)),
  similarityLogSumExp: ({ a, b }, { scale }) => gramian.similarityLogSumExp(a, b, { scale }),
  pairReduction: ({ a, b }, { tau }) =>
    gramian.pairReduction(a, b, {
      value: 'exp(s / tau)',
      derivative: 'exp(s / tau) / tau',
      reduce: 'sum',
      parameters: { tau },
    }),
  nearest: ({ a, b }, { neighbours }) => gramian.nearest(a, b, { k: neighbours }).scores,
  transpose: unary(gramian.transpose),
  normalize: unary(gramian.normalize),
  logSumExp: ({ x }, { axis }) => gramian.logSumExp(x, axis),
  sum: ({ x }, { axis }) => gramian.sum(x, axis),
  mean: ({ x }, { axis }) => gramian.mean(x, axis),
  slice: ({ x }) => gramian.slice(x, 0, x.shape[0] / 2),
  concat: binary((a, b) => gramian.concat([a, b])),
  crossEntropy: ({ logits }, _, labels) => gramian.crossEntropy(logits, labels),
  add: binary(gramian.add),
  sub: binary(gramian.sub),
  mul: binary(gramian.mul),
  div: binary(gramian.div),
  exp: unary(gramian.exp),
  log: unary(gramian.log),
  sqrt: unary(gramian.sqrt),
  square: unary(gramian.square),
  neg: unary(gramian.neg),
  relu: unary(gramian.relu),
  conv2d: ({ x, weight }, options) => gramian.conv2d(x, weight, options),
  batchNorm: ({ x, weight, bias }, _, __, engine) => gramian.batchNorm(x, normState(engine, x.shape[1], weight, bias)),
  averagePool2d: ({ x }, { window }) => gramian.averagePool2d(x, window),
  maxPool2d: ({ x }, { window }) => gramian.maxPool2d(x, window),
  batchAttention: (t, _, __, engine) => {
    const norm = () => {
      const one = engine.tensor(new Float32Array(t.x.shape[1]).fill(1));
      return normState(engine, t.x.shape[1], one, engine.tensor(new Float32Array(t.x.shape[1])));
    };
    return gramian.batchAttention(t.x, {
      channel: { reduce: t['channel.reduce'], expand: t['channel.expand'], norm: norm() },
      local: { reduce: t['local.reduce'], mix: t['local.mix'], expand: t['local.expand'], norm: norm() },
      global: { query: t['global.query'], key: t['global.key'], value: t['global.value'] },
      runningLevel: engine.tensor([0]),
      runningCount: engine.tensor([1]),
    });
  },
};

/** Running moments that nobody reads. */
function normState(engine: Engine, channels: number, weight: Tensor, bias: Tensor): gramian.BatchNormState {
  const zeros = () => engine.tensor(new Float32Array(channels));
  return { weight, bias, runningMean: zeros(), runningVariance: zeros() };
}

/** What the package is asked to do for a work of that name; a step of training is no one call. */
function callOf(name: string): Call | 'step' {
  if (name === 'simCLRStep') return 'step';
  const call = CALLS[name];
  if (!call) throw new RangeError(`bench: no call is named ${name}; it has ${Object.keys(CALLS).join(', ')}.`);
  return call;
}

/** As `createEngine` takes it; with `'full'` each work's step is tuned before its first run. */
export type Tune = 'off' | 'cached' | 'full';

/** An engine of its own: its first call compiles what it needs, as a user's first call does. */
async function open(
  work: Work,
  tune: Tune,
  call: Call | 'step',
  createEngine: typeof gramian.createEngine,
  as: Partial<Contender> = {},
): Promise<Contender> {
  const engine = await createEngine({ tune });
  try {
    const { step, ...contender } = setUp(engine, work, call);
    if (tune === 'full') await engine.tune([step]);
    return { ...contender, ...as, dispose: () => engine.destroy() };
  } catch (error) {
    engine.destroy();
    throw error;
  }
}

/** The same on an engine that is there. */
export function setUp(engine: Engine, work: Work, call = callOf(work.name)): Contender & { step(): Tensor } {
  if (call === 'step') return setUpStep(engine, work);
  const named = Object.fromEntries(
    Object.entries(work.inputs).map(([name, { data, shape }]) => [
      name,
      engine.tensor(data, shape, { requiresGrad: work.differentiated.includes(name) }),
    ]),
  );
  const labels = work.labels ?? new Int32Array();
  let value: Tensor | null = null;
  const step = (): Tensor =>
    engine.scope(() => {
      const result = call(named, work.options, labels, engine);
      if (work.differentiated.length > 0) result.backward();
      return result;
    });
  return {
    step,
    library: 'gramian',
    version: manifest.version,
    form: 'fused',
    run: async () => {
      value?.dispose();
      for (const name of work.differentiated) named[name].zeroGrad();
      value = step();
      await engine.sync();
    },
    read: async () => {
      const outputs: Record<string, Float32Array> = {};
      if (value) outputs.value = await value.data();
      for (const name of work.differentiated) {
        const { grad } = named[name];
        if (grad) outputs[`d_${name}`] = await grad.data();
      }
      return outputs;
    },
    dispose: () => {
      for (const tensor of [value, ...Object.values(named)]) tensor?.dispose();
    },
  };
}

export const contenders = (tune: Tune = 'cached'): readonly Entry[] => [
  { library: 'gramian', form: 'fused', open: (work) => open(work, tune, callOf(work.name), gramian.createEngine) },
];

/**
 * A user's works, as if they were ours.
 * @param library what rows call it
 * @param createEngine of the package that the works import: tensors of another copy would be none of its
 */
export function ownEntry(
  library: string,
  works: readonly BenchWork[],
  tune: Tune,
  createEngine: typeof gramian.createEngine,
): Entry {
  return {
    library,
    form: 'fused',
    open: async (work) => {
      const own = works.find(({ name }) => name === work.name);
      return own ? open(work, tune, own.run, createEngine, { library, version: '' }) : null;
    },
  };
}
