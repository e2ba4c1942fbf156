import type { Engine } from '../engine/engine.ts';
import { ba2m } from '../methods/ba2m.ts';
import { barlowTwins } from '../methods/barlowTwins.ts';
import { byol } from '../methods/byol.ts';
import { contrastiveClustering } from '../methods/contrastiveClustering.ts';
import type { Method } from '../methods/method.ts';
import { moCo } from '../methods/moco.ts';
import { pcl } from '../methods/pcl.ts';
import { simCLR } from '../methods/simclr.ts';
import { simSiam } from '../methods/simSiam.ts';
import { supCon } from '../methods/supCon.ts';
import { swav } from '../methods/swav.ts';
import { vicReg } from '../methods/vicReg.ts';
import type { OptimizerName } from './optimizers.ts';

/** Network and method options by name, as a configuration holds them; each method checks its own. */
export type MethodOptions = Readonly<Record<string, unknown>>;

/** What the data decide. */
export interface DataFacts {
  readonly images: number;
  readonly classes: number;
}

export interface MethodRow {
  readonly title: string;
  readonly make: (engine: Engine, options: MethodOptions, facts: DataFacts) => Method;
  readonly optimizer: OptimizerName;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** What gradient accumulation changes about its loss; null: nothing. */
  readonly accumulation: string | null;
  /** Whether its paper augments the two views of a photo differently. */
  readonly asymmetric?: boolean;
  /** Rows of its queue where no option says otherwise; none: it has no queue. */
  readonly queue?: number;
}

// biome-ignore lint/suspicious/noExplicitAny: each method checks the options that it is given
type Options = any;

const ADAM_W = { optimizer: 'adamW', learningRate: 3e-3, weightDecay: 1e-4 } as const;
const FEWER_NEGATIVES = 'each row is contrasted with the rows of its own part only';
const NEWER_QUEUE = 'the queue already holds the keys of the parts before';
const FEWER_ROWS = 'the statistics over the batch are taken over a part at a time';

/** Without what a comparison may say about projection heads: a classifier has none. */
function headless({ hidden: _, projection: __, temperature: ___, ...options }: MethodOptions): MethodOptions {
  return options;
}

/**
 * The systems by their name on the command line. Learning rates are for the small encoders here, of which AdamW suits all
 * alike; the papers' own (SGD, LARS) are for large batches and ResNets, and `--optimizer` has them.
 */
export const METHODS: Readonly<Record<string, MethodRow>> = {
  simclr: {
    title: 'SimCLR',
    make: (engine, options) => simCLR(engine, options as Options),
    ...ADAM_W,
    accumulation: FEWER_NEGATIVES,
  },
  moco: {
    title: 'MoCo v2',
    make: (engine, options) => moCo(engine, { version: 2, ...options } as Options),
    queue: 4096,
    ...ADAM_W,
    accumulation: NEWER_QUEUE,
  },
  'moco-v1': {
    title: 'MoCo v1',
    make: (engine, options) => moCo(engine, { version: 1, ...options } as Options),
    queue: 4096,
    ...ADAM_W,
    accumulation: NEWER_QUEUE,
  },
  'moco-v3': {
    title: 'MoCo v3',
    make: (engine, options) => moCo(engine, { version: 3, ...options } as Options),
    ...ADAM_W,
    accumulation: FEWER_NEGATIVES,
    asymmetric: true,
  },
  supcon: {
    title: 'SupCon',
    make: (engine, options) => supCon(engine, options as Options),
    ...ADAM_W,
    accumulation: FEWER_NEGATIVES,
  },
  swav: {
    title: 'SwAV',
    make: (engine, options) => swav(engine, options as Options),
    queue: 1024,
    ...ADAM_W,
    accumulation: 'codes are balanced over a part and the queue',
  },
  cc: {
    title: 'Contrastive Clustering',
    make: (engine, options, { classes }) =>
      contrastiveClustering(engine, { ...(classes > 1 ? { clusters: classes } : {}), ...options } as Options),
    ...ADAM_W,
    accumulation: 'rows and clusters are contrasted within a part',
  },
  pcl: {
    title: 'PCL',
    make: (engine, options, { images }) => pcl(engine, { images, ...options } as Options),
    queue: 4096,
    ...ADAM_W,
    accumulation: NEWER_QUEUE,
  },
  byol: {
    title: 'BYOL',
    make: (engine, options) => byol(engine, options as Options),
    ...ADAM_W,
    accumulation: null,
    asymmetric: true,
  },
  barlow: {
    title: 'Barlow Twins',
    make: (engine, options) => barlowTwins(engine, options as Options),
    ...ADAM_W,
    accumulation: FEWER_ROWS,
    asymmetric: true,
  },
  vicreg: {
    title: 'VICReg',
    make: (engine, options) => vicReg(engine, options as Options),
    ...ADAM_W,
    accumulation: FEWER_ROWS,
    asymmetric: true,
  },
  simsiam: {
    title: 'SimSiam',
    make: (engine, options) => simSiam(engine, options as Options),
    ...ADAM_W,
    accumulation: null,
  },
  ba2m: {
    title: 'BA2M',
    make: (engine, options, { classes }) => ba2m(engine, { classes, ...headless(options) } as Options),
    ...ADAM_W,
    accumulation: 'samples are weighted within their part',
  },
  classifier: {
    title: 'Cross-entropy',
    make: (engine, options, { classes }) => ba2m(engine, { classes, ...headless(options), module: false } as Options),
    ...ADAM_W,
    accumulation: null,
  },
};

/** What of a run's configuration its method depends on. */
interface NetworkConfig {
  readonly method: string;
  readonly seed: number;
  readonly width: number;
  readonly features: number;
  readonly options: MethodOptions;
}

/** The method that a configuration asks for, untrained: the seed decides its weights. */
export function methodOf(
  engine: Engine,
  { method, seed, width, features, options }: NetworkConfig,
  { channels, height }: { readonly channels: number; readonly height: number },
  facts: DataFacts,
): Method {
  return METHODS[method].make(engine, { channels, size: height, seed, width, features, ...options }, facts);
}
