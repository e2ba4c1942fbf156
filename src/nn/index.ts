export { batchAttentionLayer, batchAttentionParameters } from './batchAttention.ts';
export { heNormal, type Layer, type NamedTensors, sequential, stateless } from './layer.ts';
export { convolution, flatten, linear, normalization } from './layers.ts';
export { convEncoder, type EncoderOptions, projectionHead } from './networks.ts';
