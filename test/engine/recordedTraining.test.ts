import { describe, expect, test } from 'vitest';
import { mul, ntXent, sum, type Tensor } from '../../src/index.ts';
import { simCLR } from '../../src/methods/simclr.ts';
import { adamW } from '../../src/optim/adamW.ts';
import { lars } from '../../src/optim/lars.ts';
import { cosineSchedule } from '../../src/optim/schedule.ts';
import { sgd } from '../../src/optim/sgd.ts';
import { watchedEngine } from '../watch.ts';
import { free, tensorsOn } from './steps.ts';

const engine = watchedEngine();
const { random } = tensorsOn(engine);

describe('training', () => {
  const N = 6;

  /** Five steps with a rate that changes at each; what is learnt, and the losses. */
  async function train(
    how: 'eager' | 'recorded',
    make: 'adamW' | 'sgd' | 'lars',
    order: 'before' | 'after',
    steps = 5,
  ) {
    const on = engine();
    const method = simCLR(on, { channels: 1, size: 8, seed: 3, width: 4, features: 8, hidden: 8, projection: 4 });
    const optimizer =
      make === 'adamW'
        ? adamW(method.parameters, { weightDecay: 0.1 })
        : make === 'lars'
          ? lars(method.parameters, { learningRate: 1, weightDecay: 0.1 })
          : sgd(method.parameters, { learningRate: 1, momentum: 0.9, weightDecay: 0.1 });
    const rate = cosineSchedule({ peak: 0.05, warmupSteps: 2, totalSteps: steps });
    const body = (views: Tensor): Tensor => {
      if (order === 'before') optimizer.zeroGrad();
      const loss = method.loss({ views, indices: new Int32Array(N) }, { step: 0, epochSteps: 1, totalSteps: 1 });
      loss.backward();
      optimizer.step();
      if (order === 'after') optimizer.zeroGrad();
      return loss.detach();
    };
    const step = on.recorded(body);
    const losses: number[] = [];
    for (let i = 0; i < steps; i++) {
      const views = random([2 * N, 1, 8, 8], i);
      optimizer.learningRate = rate(i);
      const loss = how === 'eager' ? on.scope(() => body(views)) : step(views);
      losses.push(await loss.item());
      free(loss, views);
    }
    expect(optimizer.steps).toBe(steps);
    const all = { ...method.parameters, ...method.buffers, ...optimizer.state() };
    const learnt: Record<string, Float32Array> = {};
    for (const [name, tensor] of Object.entries(all)) learnt[name] = await tensor.data();
    optimizer.zeroGrad();
    optimizer.dispose();
    free(...Object.values(method.parameters), ...Object.values(method.buffers));
    step.dispose();
    return { losses, learnt };
  }

  test.each([
    ['adamW', 'after'],
    ['adamW', 'before'],
    ['sgd', 'after'],
    ['lars', 'after'],
  ] as const)('with %s, zeroGrad() %s the step: the eager bits', async (make, order) => {
    const eager = await train('eager', make, order);
    expect(new Set(eager.losses).size).toBe(5); // it moves
    expect(await train('recorded', make, order)).toEqual(eager);
  });

  test('a temperature that is written follows; its gradient comes out', async () => {
    const temperature = engine().tensor([0.5], [1], { requiresGrad: true });
    const step = engine().recorded((z0: Tensor, z1: Tensor) => {
      temperature.zeroGrad();
      const loss = ntXent(z0, z1, { temperature });
      loss.backward();
      return loss;
    });
    const [z0, z1] = [random([7, 5], 1), random([7, 5], 2)];
    for (const value of [0.5, 0.4, 0.3, 0.2]) {
      temperature.write([value]);
      const loss = step(z0, z1);
      const got = [await loss.item(), await (temperature.grad as Tensor).item()];
      temperature.zeroGrad();
      const eager = ntXent(z0, z1, { temperature });
      eager.backward();
      expect(got).toEqual([await eager.item(), await (temperature.grad as Tensor).item()]);
      free(loss, eager);
    }
    free(z0, z1, temperature);
    step.dispose();
  });

  test('a parameter keeps the grad that the last call left it', async () => {
    const w = engine().tensor([2, 3], [2], { requiresGrad: true });
    const step = engine().recorded((x: Tensor) => {
      w.zeroGrad();
      sum(mul(w, x)).backward();
    });
    const x = engine().tensor([1, 1]);
    for (let call = 1; call < 5; call++) {
      x.write([call, 10 * call]);
      step(x);
      expect(await w.grad!.data()).toEqual(Float32Array.of(call, 10 * call));
      if (call === 3) w.zeroGrad(); // the next call brings it back
    }
    free(w, x);
    step.dispose();
  });
});
