import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { copyInto } from '../core/fills.ts';
import type { Tensor } from '../core/tensor.ts';

/** Moves parameters along their gradients, in place. */
export interface Optimizer {
  /** Of the next step; set it as a schedule goes. A recorded function sees it at every call. */
  learningRate: number;
  /**
   * One step from the present `grad`s, after `backward()`; parameters without a `grad` stay as they are.
   * @param learningRate of this step alone (a schedule's); default: the optimiser's
   */
  step(learningRate?: number): void;
  /** Forgets the gradients of all parameters. */
  zeroGrad(): void;
  /** The live moments, named `PARAMETER.MOMENT`. With `steps`, all that a checkpoint must hold to go on to the same bits. */
  state(): Record<string, Tensor>;
  /** Copies saved moments, and the step count that goes with them, into this optimiser. */
  load(state: Readonly<Record<string, Tensor>>, steps: number): void;
  /** Steps taken. */
  steps: number;
  /** Frees the moments; the parameters stay. */
  dispose(): void;
}

/** One parameter with a gradient, its moments by name, and its weight decay: none for biases and norms (one dimension). */
export interface ParameterUpdate {
  readonly weights: Tensor;
  readonly gradient: Tensor;
  readonly moments: Readonly<Record<string, Tensor>>;
  readonly decay: number;
}

/** What tells one optimiser from another. */
export interface Rule {
  readonly op: string;
  /** Names of the moments that it keeps for every parameter. */
  readonly moments: readonly string[];
  readonly learningRate: number;
  readonly weightDecay: number;
  /** `now` is asked at every run of captured work, too. */
  launch(context: Context, update: ParameterUpdate, now: () => Moment): void;
}

export interface Moment {
  readonly learningRate: number;
  /** Counts from 1. */
  readonly step: number;
}

export function optimizer(parameters: Readonly<Record<string, Tensor>>, rule: Rule): Optimizer {
  const { op } = rule;
  const context = contextOf(op, parameters);
  const names = Object.keys(parameters);
  rate(op, rule.learningRate);
  factor(op, 'weightDecay', rule.weightDecay);
  const moments = new Map<string, Record<string, Tensor>>(
    context.unscoped(() =>
      names.map((name) => [
        name,
        Object.fromEntries(rule.moments.map((moment) => [moment, context.full(parameters[name].shape, 0)])),
      ]),
    ),
  );
  context.opEnded();

  const state = (): Record<string, Tensor> => {
    const result: Record<string, Tensor> = {};
    for (const [name, own] of moments)
      for (const [moment, tensor] of Object.entries(own)) result[`${name}.${moment}`] = tensor;
    return result;
  };

  let present = rule.learningRate;
  let steps = 0;
  const setSteps = (value: number): void => {
    steps = check.integer(op, 'steps', value, 0, Number.MAX_SAFE_INTEGER);
  };

  return {
    get steps() {
      return steps;
    },
    set steps(value) {
      setSteps(value);
    },
    get learningRate() {
      return present;
    },
    set learningRate(value) {
      present = rate(op, value);
    },
    step(learningRate) {
      if (learningRate !== undefined) {
        rate(op, learningRate);
        if (context.observers.withoutNumbers)
          check.fail(
            op,
            `learningRate = ${learningRate} would stay for ever, as the function is being recorded; set optimizer.learningRate outside.`,
          );
      }
      context.assertAlive(op);
      const moving = names.filter((name) => parameters[name].grad !== null);
      // All or none: a step that stops half-way would leave parameters of two steps.
      for (const name of moving) {
        const { storage, grad } = parameters[name];
        context.assertComputed(storage);
        context.assertComputed((grad as Tensor).storage);
        for (const moment of Object.values(moments.get(name) ?? {})) context.assertComputed(moment.storage);
      }
      if (context.check) {
        const gradients = moving.map((name) => [`gradient of ${name}`, parameters[name].grad as Tensor]);
        context.inspect(op, Object.fromEntries(gradients));
      }
      context.onEveryReplay({
        advance: () => {
          steps++;
        },
        undo: () => {
          steps--;
        },
      });
      const moved = moving.map((name) => parameters[name]);
      const kept = moving.flatMap((name) => Object.values(moments.get(name) ?? {}));
      const gradients = moved.map(({ grad }) => grad as Tensor);
      if (moving.length > 1) context.together([...gradients, ...moved, ...kept], [...moved, ...kept]);
      const now = (): Moment => ({ learningRate: learningRate ?? present, step: steps });
      for (const name of moving) {
        const weights = parameters[name];
        if (weights.disposed) check.fail(op, `${name} was disposed, expected a live Tensor.`);
        const decay = weights.shape.length > 1 ? rule.weightDecay : 0;
        const update = { weights, gradient: weights.grad as Tensor, moments: moments.get(name) ?? {}, decay };
        rule.launch(context, update, now);
      }
      context.opEnded();
    },
    zeroGrad() {
      for (const name of names) parameters[name].zeroGrad();
    },
    state,
    load(saved, taken) {
      const own = Object.entries(state());
      check.plain(op, 'state', saved);
      check.integer(op, 'steps', taken, 0, Number.MAX_SAFE_INTEGER);
      for (const [name, tensor] of own) {
        if (!Object.hasOwn(saved, name)) check.fail(op, `state lacks "${name}", expected that of the same parameters.`);
        check.contextOf(op, { [name]: tensor, [`state of ${name}`]: saved[name] });
        check.sameShape(op, name, tensor, `state of ${name}`, saved[name]);
      }
      for (const [name, tensor] of own) if (saved[name] !== tensor) copyInto(context, tensor, saved[name], 0);
      context.opEnded();
      setSteps(taken);
    },
    dispose() {
      for (const tensor of Object.values(state())) tensor.dispose();
      moments.clear();
    },
  };
}

function contextOf(op: string, parameters: Readonly<Record<string, Tensor>>): Context {
  const entries = Object.entries(check.plain(op, 'parameters', parameters)) as [string, Tensor][];
  if (entries.length === 0) check.fail(op, 'parameters are empty, expected at least one named Tensor.');
  const context = check.contextOf(
    op,
    Object.fromEntries(entries.map(([name, tensor]) => [`parameters.${name}`, tensor])),
  );
  const moved = new Map<unknown, string>();
  for (const [name, tensor] of entries) {
    const { requiresGrad, node, storage } = tensor;
    check.writable(op, `parameters.${name}`, tensor);
    // A step would move it once for each of its names, and each with moments of its own.
    const before = moved.get(storage);
    if (before !== undefined)
      check.fail(op, `parameters.${name} is the same tensor as parameters.${before}, expected each tensor once.`);
    moved.set(storage, name);
    if (!requiresGrad) check.fail(op, `parameters.${name} has requiresGrad = false, expected true.`);
    if (node) check.fail(op, `parameters.${name} is the result of ${node.op}, expected a tensor that no op made.`);
  }
  return context;
}

/** 0 is a rate: a schedule may start or end there. */
function rate(op: string, value: unknown): number {
  return factor(op, 'learningRate', value);
}

const MOST = 1e9; // of a factor: products of two or three of them stay within f32

/** A number from 0 on that gradients or weights are multiplied by. */
export function factor(op: string, name: string, value: unknown): number {
  const number = check.nonNegative(op, name, value);
  if (number > MOST) check.fail(op, `${name} = ${number}, expected at most ${MOST}.`);
  return number;
}
