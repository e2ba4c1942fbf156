export { type KMeansOptions, type KMeansResult, kMeans } from '../ops/kMeans.ts';
export { type ClusteringScores, clusteringScores } from './clustering.ts';
export { type Spread, spreadOf, type Usage, usageOf, winnersOf } from './collapse.ts';
export { type KNNOptions, knn } from './knn.ts';
export { linearProbe, type ProbeOptions } from './probe.ts';
export { type RetrievalOptions, type RetrievalScores, retrieval } from './retrieval.ts';
