export { type KNNOptions, knn } from './knn.ts';
export { linearProbe, type ProbeOptions } from './probe.ts';
