import * as check from '../core/check.ts';
import type { NamedTensors } from '../nn/layer.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { checkOptimizer } from './guard.ts';
import type { Method } from './method.ts';

/**
 * An optimiser of all that a method learns. Where the method holds the learning rate of some parameters (SimSiam's predictor),
 * these are moved at the rate that the optimiser was made with, whatever a step's own.
 * @param make makes an optimiser of the parameters that it is given
 */
export function optimizerOf(
  method: Pick<Method, 'parameters' | 'heldRate'>,
  make: (parameters: NamedTensors) => Optimizer,
): Optimizer {
  const op = 'optimizerOf';
  if (!check.isPlain(method?.parameters))
    check.fail(op, `${check.came('method', method, 'is')}, expected something with parameters.`);
  const { parameters, heldRate } = method;
  if (heldRate !== undefined) check.callback(op, 'method.heldRate', heldRate);
  check.callback(op, 'make', make);
  const made = (own: NamedTensors): Optimizer => checkOptimizer(op, 'make()', make(own));
  if (!heldRate) return made(parameters);
  const split = (held: boolean): NamedTensors =>
    Object.fromEntries(Object.entries(parameters).filter(([name]) => heldRate(name) === held));
  const [scheduled, constant] = [made(split(false)), made(split(true))];
  const both = [scheduled, constant];
  return {
    get learningRate() {
      return scheduled.learningRate;
    },
    set learningRate(value) {
      scheduled.learningRate = value;
    },
    get steps() {
      return scheduled.steps;
    },
    set steps(value) {
      for (const one of both) one.steps = value;
    },
    step(learningRate) {
      scheduled.step(learningRate);
      constant.step();
    },
    zeroGrad() {
      for (const one of both) one.zeroGrad();
    },
    state: () => ({ ...scheduled.state(), ...constant.state() }),
    load(state, steps) {
      for (const one of both) one.load(state, steps);
    },
    dispose() {
      for (const one of both) one.dispose();
    },
  };
}
