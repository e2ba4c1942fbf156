export { type KMeansOptions, type KMeansResult, kMeans } from '../ops/kMeans.ts';
export { type BA2MOptions, ba2m } from './ba2m.ts';
export { type BarlowTwinsMethodOptions, barlowTwins } from './barlowTwins.ts';
export { type BYOLOptions, byol } from './byol.ts';
export { type ContrastiveClusteringMethodOptions, contrastiveClustering } from './contrastiveClustering.ts';
export { type Clustering, type EStepOptions, eStep } from './eStep.ts';
export {
  type Batch,
  type Method,
  type NetworkOptions,
  type OverAll,
  type Place,
  type StepOptions,
  type TwoStep,
  trainStep,
  type Wants,
} from './method.ts';
export { type MoCoOptions, moCo } from './moco.ts';
export { type MovingAverage, type MovingAverageOptions, movingAverage } from './movingAverage.ts';
export { optimizerOf } from './optimizerOf.ts';
export { type PCLOptions, pcl } from './pcl.ts';
export { type Prototypes, prototypeLayer } from './prototypes.ts';
export { fifoQueue, type Queue } from './queue.ts';
export { type SimCLROptions, simCLR } from './simclr.ts';
export { type SimSiamOptions, simSiam } from './simSiam.ts';
export { type SupConMethodOptions, supCon } from './supCon.ts';
export { type SwAVMethodOptions, swav } from './swav.ts';
export { type VICRegMethodOptions, vicReg } from './vicReg.ts';
