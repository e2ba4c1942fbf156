// The public names.

export type { EngineInfo } from './core/context.ts';
export type { DataType } from './core/tensor.ts';
export { Tensor } from './core/tensor.ts';
export type { NestedNumbers } from './core/tensorData.ts';
export type { Engine, EngineOptions } from './engine/engine.ts';
export { createEngine } from './engine/engine.ts';
export type { Explained } from './engine/explain.ts';
export type { Plan } from './engine/plan.ts';
export type { BufferRange, PlanInput, PlanInputs } from './engine/planArguments.ts';
export type { Recorded } from './engine/recorded.ts';
export type { Measured, TuneOptions, TuneReport } from './engine/tuner.ts';
export { DeviceLostError, GramianError, KernelError, OutOfMemoryError, UsedAfterDisposeError } from './gpu/errors.ts';
export { NoAdapterError } from './gpu/no-adapter.ts';
export type { MemoryReport } from './gpu/pool.ts';
export type { Metric } from './launch/points.ts';
export { type AlignmentOptions, alignment } from './losses/alignment.ts';
export { type BarlowTwinsOptions, barlowTwins } from './losses/barlowTwins.ts';
export { byol } from './losses/byol.ts';
export { type CLIPOptions, clip } from './losses/clip.ts';
export { type ClusterLossOptions, clusterLoss } from './losses/clusterLoss.ts';
export {
  type ContrastiveClusteringInputs,
  type ContrastiveClusteringOptions,
  contrastiveClustering,
} from './losses/contrastiveClustering.ts';
export { type DCLOptions, dcl } from './losses/dcl.ts';
export { type HCLOptions, hcl } from './losses/hcl.ts';
export { type InfoNCEOptions, infoNCE } from './losses/infoNCE.ts';
export { koLeo } from './losses/koLeo.ts';
export { type MoCoV3Options, mocoV3 } from './losses/mocoV3.ts';
export { type NTXentOptions, ntXent } from './losses/ntXent.ts';
export { type ProtoNCEOptions, type Prototypes, protoNCE } from './losses/protoNCE.ts';
export { type SigLIPOptions, sigLip } from './losses/sigLip.ts';
export { simSiam } from './losses/simSiam.ts';
export { type SinkhornDivergenceOptions, sinkhornDivergence } from './losses/sinkhornDivergence.ts';
export { type SupConOptions, supCon } from './losses/supCon.ts';
export { type SwAVOptions, swav } from './losses/swav.ts';
export { type UniformityOptions, uniformity } from './losses/uniformity.ts';
export { covarianceTerm, type VICRegOptions, varianceTerm, vicReg } from './losses/vicReg.ts';
export { add, div, mul, sub } from './ops/arithmetic.ts';
export { type BatchAttentionOptions, type BatchAttentionParameters, batchAttention } from './ops/batchAttention.ts';
export { type BatchNormOptions, type BatchNormState, batchNorm } from './ops/batchNorm.ts';
export { cast } from './ops/cast.ts';
export { concat } from './ops/concat.ts';
export { type Conv2dOptions, conv2d } from './ops/conv2d.ts';
export { covariance, crossCorrelation } from './ops/covariance.ts';
export { crossEntropy } from './ops/crossEntropy.ts';
export { type EntropicOTOptions, type EntropicOTResult, entropicOT } from './ops/entropicOT.ts';
export type { Labels } from './ops/labels.ts';
export { logSumExp } from './ops/logSumExp.ts';
export { type MatmulOptions, matmul } from './ops/matmul.ts';
export { type Nearest, type NearestOptions, nearest } from './ops/nearest.ts';
export { normalize } from './ops/normalize.ts';
export { type PairReductionOptions, pairReduction } from './ops/pairReduction.ts';
export { averagePool2d, maxPool2d } from './ops/pool2d.ts';
export { reshape } from './ops/reshape.ts';
export { type SimilarityOptions, similarity } from './ops/similarity.ts';
export { type SimilarityLogSumExpOptions, similarityLogSumExp } from './ops/similarityLogSumExp.ts';
export { type SinkhornOptions, sinkhorn } from './ops/sinkhorn.ts';
export { slice } from './ops/slice.ts';
export { mean, sum } from './ops/sum.ts';
export { transpose } from './ops/transpose.ts';
export { exp, log, neg, relu, sqrt, square } from './ops/unary.ts';
export { type StandardWorkOptions, standardWork } from './standardWork.ts';
export type { Answer, ChoiceSource, Choices } from './tuning/choices.ts';
