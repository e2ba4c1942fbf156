// A step of training as `gramian train` does it, on views that are there: network, loss, gradients, optimiser.
import manifest from '../package.json' with { type: 'json' };
import type { Tensor } from '../src/core/tensor.ts';
import type { Engine } from '../src/engine/engine.ts';
import { simCLR } from '../src/methods/simclr.ts';
import { adamW } from '../src/optim/adamW.ts';
import type { Contender, Work } from './contender.ts';
import { widthsOf } from './works/training.ts';

/** The gradients that are read are those of the last run: the optimiser moves the weights, and leaves these. */
export function setUpStep(engine: Engine, { size, inputs, options }: Work): Contender & { step(): Tensor } {
  const { temperature, learningRate, weightDecay } = options;
  const method = simCLR(engine, { channels: 1, size: size.s, ...widthsOf(size), temperature });
  for (const [name, tensor] of Object.entries(method.parameters)) tensor.write(inputs[name].data);
  const views = engine.tensor(inputs.views.data, inputs.views.shape);
  const optimizer = adamW(method.parameters, { learningRate, weightDecay });
  const place = { step: 0, epochSteps: 1, totalSteps: 1 };
  const batch = { views, indices: Int32Array.from({ length: size.n / 2 }, (_, i) => i) };
  let value: Tensor | null = null;
  const step = (): Tensor =>
    engine.scope(() => {
      optimizer.zeroGrad();
      const loss = method.loss(batch, place);
      loss.backward();
      optimizer.step();
      return loss;
    });
  return {
    step,
    library: 'gramian',
    version: manifest.version,
    form: 'fused',
    run: async () => {
      value?.dispose();
      value = step();
      await engine.sync();
    },
    read: async () => {
      const outputs: Record<string, Float32Array> = {};
      if (value) outputs.value = await value.data();
      for (const [name, { grad }] of Object.entries(method.parameters))
        if (grad) outputs[`d_${name}`] = await grad.data();
      return outputs;
    },
    dispose: () => {
      optimizer.dispose();
      for (const tensor of [value, views, ...Object.values({ ...method.parameters, ...method.buffers })])
        tensor?.dispose();
    },
  };
}
