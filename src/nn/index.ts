export { createRandom, type Random } from '../core/random.ts';
export { batchAttentionLayer, batchAttentionParameters } from './batchAttention.ts';
export { heNormal, type Layer, type NamedTensors, sequential, stateless } from './layer.ts';
export { convolution, flatten, globalPool, linear, normalization, rectifier } from './layers.ts';
export {
  convEncoder,
  type EncoderOptions,
  type PerceptronOptions,
  perceptron,
  projectionHead,
} from './networks.ts';
