import * as images from '../../test/reference/images.ts';
import { ntXent } from '../../test/reference/losses/symmetric.ts';
import { matrix } from '../../test/reference/matrix.ts';
import { matmul, numbers } from '../../test/reference/ops.ts';
import type { Matrix } from '../contender.ts';
import { type Case, type ExactOutputs, mapped, normal, type Size, secondView } from './work.ts';

/** SimCLR's temperature, and AdamW's settings, as `gramian train` has them. */
export const SETTINGS = { temperature: 0.15, learningRate: 3e-3, weightDecay: 1e-4 } as const;

/** Widths of the network that `gramian train` makes of 28 x 28 letters at width 16. */
export const widthsOf = ({ w }: Size) => ({ width: w, features: 16 * w, hidden: 16 * w, projection: 4 * w });

/** Convolutions (halving the image), linear layers, each with a batch norm: how the network is put together. */
interface Step {
  /** Its weight and its norm, by the names that they have in the method. */
  readonly weight: string;
  readonly norm: string;
  /** [out, in, 3, 3] or [out, in] */
  readonly shape: readonly number[];
  readonly relu: boolean;
  /** Numbers of an image that go in, and come out. */
  readonly from: number;
  readonly to: number;
  /** Edge of what goes into a convolution. */
  readonly edge: number;
}

function networkOf(size: Size): Step[] {
  const { width, features, hidden, projection } = widthsOf(size);
  const steps: Step[] = [];
  let [channels, edge] = [1, size.s];
  for (let i = 1; i <= 3; i++) {
    const [out, half] = [width * 2 ** (i - 1), Math.ceil(edge / 2)];
    steps.push({
      weight: `encoder.conv${i}.weight`,
      norm: `encoder.norm${i}`,
      shape: [out, channels, 3, 3],
      relu: true,
      from: channels * edge ** 2,
      to: out * half ** 2,
      edge,
    });
    [channels, edge] = [out, half];
  }
  let from = channels * edge ** 2;
  const linear = (weight: string, norm: string, to: number, relu: boolean): void => {
    steps.push({ weight, norm, shape: [to, from], relu, from, to, edge: 1 });
    from = to;
  };
  linear('encoder.linear.weight', 'encoder.norm', features, true);
  linear('head.linear1.weight', 'head.norm1', hidden, true);
  linear('head.linear2.weight', 'head.norm2', projection, false);
  return steps;
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Multiply-adds of one image going through. */
const multiplies = ({ shape, to }: Step): number => to * product(shape.slice(1));

function inputsOf(size: Size): Record<string, Matrix> {
  const first = normal([size.n / 2, 1, size.s, size.s], 1);
  const second = secondView(first, 2, 0.5);
  const views = new Float32Array([...first.data, ...second.data]);
  const inputs: Record<string, Matrix> = { views: { data: views, shape: [size.n, 1, size.s, size.s] } };
  networkOf(size).forEach(({ weight, norm, shape }, i) => {
    const spread = Math.sqrt(2 / product(shape.slice(1)));
    inputs[weight] = mapped(shape, 10 + i, (x) => spread * x);
    inputs[`${norm}.weight`] = mapped([shape[0]], 20 + i, (x) => 1 + 0.1 * Math.tanh(x));
    inputs[`${norm}.bias`] = mapped([shape[0]], 30 + i, (x) => 0.1 * x);
  });
  return inputs;
}

/** Loss, and the gradient of every parameter, in f64. */
function answerOf(size: Size, inputs: Readonly<Record<string, Matrix>>): ExactOutputs {
  const { n } = size;
  const data = (name: string): Float64Array => Float64Array.from(inputs[name].data);
  const layers: { step: Step; back: (dy: Float64Array) => [Float64Array, Float64Array]; normBack: BackOfNorm }[] = [];
  let x = data('views');
  for (const step of networkOf(size)) {
    const { weight, norm, shape, relu, edge, from, to } = step;
    let y: Float64Array;
    let back: (dy: Float64Array) => [Float64Array, Float64Array];
    if (shape.length === 4) {
      const result = images.conv2d(x, [n, shape[1], edge, edge], data(weight), [shape[0], shape[1], 3, 3], 2, 1);
      y = result.y;
      back = (dy) => result.backward(dy) as [Float64Array, Float64Array];
    } else {
      const result = matmul(false, true)([numbers([n, from], x), numbers(shape, data(weight))]);
      y = result.value.data;
      back = (dy) => result.backward(dy) as [Float64Array, Float64Array];
    }
    const rest = new Float64Array(shape[0]);
    const state = { weight: data(`${norm}.weight`), bias: data(`${norm}.bias`), mean: rest, variance: rest };
    const normed = images.batchNorm(y, [n, shape[0], to / shape[0]], state, { training: true, relu });
    layers.push({ step, back, normBack: (dy) => normed.backward(dy) as [Float64Array, Float64Array, Float64Array] });
    x = normed.y;
  }
  const columns = x.length / n;
  const half = (n / 2) * columns;
  const { value, gradients } = ntXent(
    matrix(n / 2, columns, x.subarray(0, half)),
    matrix(n / 2, columns, x.subarray(half)),
    SETTINGS.temperature,
  );
  const outputs: Record<string, ArrayLike<number>> = { value: [value] };
  let d = new Float64Array([...gradients[0].data, ...gradients[1].data]);
  for (const { step, back, normBack } of layers.reverse()) {
    const [dy, dWeight, dBias] = normBack(d);
    const [dx, dw] = back(dy);
    outputs[`d_${step.norm}.weight`] = dWeight;
    outputs[`d_${step.norm}.bias`] = dBias;
    outputs[`d_${step.weight}`] = dw;
    d = dx as Float64Array<ArrayBuffer>;
  }
  return outputs;
}

type BackOfNorm = (dy: Float64Array) => [Float64Array, Float64Array, Float64Array];

/**
 * Of a million entries in front of a ReLU one or two lie within rounding of 0, where their gradient is there or is not: one of a
 * hard sample's features moves the gradient of a weight by 2 % of the largest. Small sizes have none, and are held to 1e-4 by tests.
 */
const TOLERANCE = 0.05;

/** Whole steps of training: n views (of n / 2 images) with an edge of s, an encoder of width w. */
export const TRAINING: readonly Case[] = [
  {
    name: 'simCLRStep',
    axes: ['n', 's', 'w'],
    multiples: { n: 2 },
    sizes: [{ n: 512, s: 28, w: 16 }],
    quick: { n: 64, s: 16, w: 8 },
    flops: (size) => {
      const [first, ...others] = networkOf(size).map(multiplies);
      const loss = 3 * size.n ** 2 * widthsOf(size).projection;
      return 2 * size.n * (2 * first + 3 * others.reduce((a, b) => a + b, 0)) + loss;
    },
    bytes: (size) => {
      const steps = networkOf(size);
      const activations = size.n * steps.reduce((sum, { to }) => sum + to, 0);
      const weights = steps.reduce((sum, { shape }) => sum + product(shape), 0);
      return 4 * (8 * activations + 9 * weights);
    },
    exps: ({ n }) => (n * n) / 2,
    schedule:
      "each product of the network once, twice more for its gradients (the images have none); activations written and read by layer and norm, both ways; AdamW's moments",
    make: (size) => {
      const inputs = inputsOf(size);
      const { views: _, ...parameters } = inputs;
      return {
        inputs,
        differentiated: Object.keys(parameters),
        options: { ...SETTINGS },
        tolerance: TOLERANCE,
        reference: () => answerOf(size, inputs),
      };
    },
  },
];
