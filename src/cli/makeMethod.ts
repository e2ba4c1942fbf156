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
import type { MethodOptions } from './methods.ts';

/** What the data decide. */
export interface DataFacts {
  readonly images: number;
  readonly classes: number;
}

// biome-ignore lint/suspicious/noExplicitAny: each method checks the options that it is given
type Options = any;

/** Without what a comparison may say about projection heads: a classifier has none. */
function headless({ hidden: _, projection: __, temperature: ___, ...options }: MethodOptions): MethodOptions {
  return options;
}

/** Apart from what is said of them: whoever names a method needs none of its code. */
export const MAKERS: Readonly<Record<string, (engine: Engine, options: MethodOptions, facts: DataFacts) => Method>> = {
  simclr: (engine, options) => simCLR(engine, options as Options),
  moco: (engine, options) => moCo(engine, { version: 2, ...options } as Options),
  'moco-v1': (engine, options) => moCo(engine, { version: 1, ...options } as Options),
  'moco-v3': (engine, options) => moCo(engine, { version: 3, ...options } as Options),
  supcon: (engine, options) => supCon(engine, options as Options),
  swav: (engine, options) => swav(engine, options as Options),
  cc: (engine, options, { classes }) =>
    contrastiveClustering(engine, { ...(classes > 1 ? { clusters: classes } : {}), ...options } as Options),
  pcl: (engine, options, { images }) => pcl(engine, { images, ...options } as Options),
  byol: (engine, options) => byol(engine, options as Options),
  barlow: (engine, options) => barlowTwins(engine, options as Options),
  vicreg: (engine, options) => vicReg(engine, options as Options),
  simsiam: (engine, options) => simSiam(engine, options as Options),
  ba2m: (engine, options, { classes }) => ba2m(engine, { classes, ...headless(options) } as Options),
  classifier: (engine, options, { classes }) =>
    ba2m(engine, { classes, ...headless(options), module: false } as Options),
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
  return MAKERS[method](engine, { channels, size: height, seed, width, features, ...options }, facts);
}
