import type { Engine } from '../../src/engine/engine.ts';
import { ba2m } from '../../src/methods/ba2m.ts';
import { barlowTwins } from '../../src/methods/barlowTwins.ts';
import { byol } from '../../src/methods/byol.ts';
import { contrastiveClustering } from '../../src/methods/contrastiveClustering.ts';
import type { Method, NetworkOptions } from '../../src/methods/method.ts';
import { moCo } from '../../src/methods/moco.ts';
import { pcl } from '../../src/methods/pcl.ts';
import { simCLR } from '../../src/methods/simclr.ts';
import { simSiam } from '../../src/methods/simSiam.ts';
import { supCon } from '../../src/methods/supCon.ts';
import { swav } from '../../src/methods/swav.ts';
import { vicReg } from '../../src/methods/vicReg.ts';

/** What the tests feed to every method. */
export const DATA = { images: 32, classes: 4, size: 12, batch: 16, epochSteps: 2, totalSteps: 8 } as const;

export interface MethodCase {
  make(engine: Engine, seed: number, more?: Pick<NetworkOptions, 'encoder'>): Method;
  /** Tensors of `buffers` that a gradient must never reach, by the start of their names. */
  readonly constants: readonly string[];
  /** [.., K] of `scores`. */
  readonly scores?: number;
  /** Its loss rises while real keys take the place of the queue's noise, whatever it learns. */
  readonly fills?: true;
}

const SMALL = { channels: 1, size: DATA.size, width: 4, features: 24, hidden: 20, projection: 12 };

export const methods: Readonly<Record<string, MethodCase>> = {
  simclr: { make: (engine, seed, more) => simCLR(engine, { ...SMALL, ...more, seed }), constants: [] },
  'simclr without head': {
    make: (engine, seed, more) => simCLR(engine, { ...SMALL, ...more, seed, head: false }),
    constants: [],
  },
  // 24 is no multiple of the batch: the queue wraps within a batch.
  'moco v1': {
    make: (engine, seed, more) => moCo(engine, { ...SMALL, ...more, seed, version: 1, queue: 24 }),
    constants: ['key', 'queue'],
    fills: true,
  },
  'moco v2': {
    make: (engine, seed, more) => moCo(engine, { ...SMALL, ...more, seed, version: 2, queue: 24 }),
    constants: ['key', 'queue'],
    fills: true,
  },
  'moco v3': {
    make: (engine, seed, more) => moCo(engine, { ...SMALL, ...more, seed, version: 3 }),
    constants: ['key'],
  },
  supcon: { make: (engine, seed, more) => supCon(engine, { ...SMALL, ...more, seed }), constants: [] },
  swav: {
    make: (engine, seed, more) =>
      swav(engine, {
        ...SMALL,
        ...more,
        pool: 'mean',
        seed,
        crops: 2,
        prototypes: 9,
        queue: 24,
        queueStart: 0.2,
        freeze: 0.2,
      }),
    constants: ['queue'],
    scores: 9,
  },
  'swav of two views': {
    make: (engine, seed, more) =>
      swav(engine, { ...SMALL, ...more, seed, prototypes: 9, queue: 0, crops: 0, freeze: 0 }),
    constants: [],
    scores: 9,
  },
  cc: {
    make: (engine, seed, more) => contrastiveClustering(engine, { ...SMALL, ...more, seed, clusters: DATA.classes }),
    constants: [],
    scores: DATA.classes,
  },
  pcl: {
    make: (engine, seed, more) =>
      pcl(engine, {
        ...SMALL,
        ...more,
        seed,
        images: DATA.images,
        clusters: [4, 8],
        queue: 24,
        warmup: 0.2,
        iterations: 5,
      }),
    constants: ['key', 'queue', 'granularity'],
    fills: true,
  },
  byol: { make: (engine, seed, more) => byol(engine, { ...SMALL, ...more, seed }), constants: ['target'] },
  barlow: { make: (engine, seed, more) => barlowTwins(engine, { ...SMALL, ...more, seed }), constants: [] },
  vicreg: { make: (engine, seed, more) => vicReg(engine, { ...SMALL, ...more, seed }), constants: [] },
  simsiam: { make: (engine, seed, more) => simSiam(engine, { ...SMALL, ...more, seed }), constants: [] },
  ba2m: {
    make: (engine, seed) =>
      ba2m(engine, { channels: 1, size: DATA.size, width: 4, features: 24, seed, classes: DATA.classes, after: [2] }),
    constants: ['encoder.attention2.running'],
    scores: DATA.classes,
  },
  'classifier without the module': {
    make: (engine, seed, more) =>
      ba2m(engine, {
        ...more,
        channels: 1,
        size: DATA.size,
        width: 4,
        features: 24,
        seed,
        classes: DATA.classes,
        module: false,
      }),
    constants: [],
    scores: DATA.classes,
  },
};
