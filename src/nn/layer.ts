import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import type { Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';

/** Named tensors, `conv1.weight` and the like. */
export type NamedTensors = Record<string, Tensor>;

/** A piece of a network: what it learns, what it remembers besides, and what it does. */
export interface Layer {
  /** Leaves that an optimiser moves. */
  readonly parameters: NamedTensors;
  /** State that training updates without a gradient: running moments. */
  readonly buffers: NamedTensors;
  /** `training` chooses between a batch's own moments and the running ones. */
  forward(x: Tensor, training: boolean): Tensor;
}

/** Layers one after the other; their tensors are named `NAME.tensor` after the keys. */
export function sequential(layers: Readonly<Record<string, Layer>>): Layer {
  const op = 'sequential';
  for (const [name, layer] of Object.entries(check.plain(op, 'layers', layers)))
    check.layer(op, `layers.${name}`, layer);
  const named = (pick: (layer: Layer) => NamedTensors): NamedTensors => {
    const result: NamedTensors = {};
    for (const [name, layer] of Object.entries(layers))
      for (const [key, tensor] of Object.entries(pick(layer))) result[`${name}.${key}`] = tensor;
    return result;
  };
  return {
    parameters: named((layer) => layer.parameters),
    buffers: named((layer) => layer.buffers),
    forward: (x, training) => {
      check.flag(op, 'training', training);
      return Object.values(layers).reduce((value, layer) => layer.forward(value, training), x);
    },
  };
}

/** A layer without state of its own. */
export function stateless(forward: (x: Tensor) => Tensor): Layer {
  check.callback('stateless', 'forward', forward);
  return { parameters: {}, buffers: {}, forward };
}

/** He initialisation (arXiv 1502.01852): normal, standard deviation sqrt(2 / fanIn). */
export function heNormal(context: Context, random: Random, shape: readonly number[], fanIn: number): Tensor {
  const op = 'heNormal';
  check.positive(op, 'fanIn', fanIn);
  return weightOf(op, context, random, check.shape(op, shape), fanIn);
}

/** The same for a layer, in whose name it is refused. */
export function weightOf(
  op: string,
  context: Context,
  random: Random,
  extents: readonly number[],
  fanIn: number,
): Tensor {
  check.context(op, context);
  check.random(op, random);
  check.elements(op, extents);
  check.bindable(op, context, extents);
  const deviation = Math.sqrt(2 / fanIn);
  const size = extents.reduce((a, b) => a * b, 1);
  const values = Float32Array.from({ length: size }, () => deviation * random.gaussian());
  return context.tensor(values, extents, { requiresGrad: true });
}
