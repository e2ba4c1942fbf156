import * as check from '../core/checkTensor.ts';
import { Tensor } from '../core/tensor.ts';
import { UsedAfterDisposeError } from '../gpu/errors.ts';

/** A value, what its gradient needs, and the gradient. */
export interface CustomGrad {
  readonly value: Tensor;
  /** Tensors that `gradient` uses: kept until it has run; one that is overwritten meanwhile is refused. */
  readonly saved?: readonly Tensor[];
  /** From d loss / d value: one entry for each input, in order; null for one that asks for no gradient. */
  readonly gradient: (dy: Tensor) => readonly (Tensor | null)[];
}

/**
 * A function of Tensors with a gradient of your own, as `tf.customGrad` and `jax.custom_vjp`: what `fn` calls is not recorded,
 * `gradient` is asked instead.
 *
 * `fn` gets handles of its own on the inputs. Those, and what it makes, are freed when it ends, but for what it lists in
 * `saved`.
 */
export function customGrad<I extends readonly Tensor[]>(fn: (...inputs: I) => CustomGrad): (...inputs: I) => Tensor {
  check.callback('customGrad', 'fn', fn);
  const op = fn.name || 'customGrad';
  return (...given) => {
    const named = check.tensors(op, 'inputs', given);
    const context = check.contextOf(op, named);
    return context.scope(() => {
      const inputs = given.map((input) => context.handle(input, input.memory));
      const { owner } = inputs[0];
      const { scopes } = context;
      const call = () => check.called(op, 'fn', () => fn(...(inputs as unknown as I)));
      const made = scopes.noGrad(call, scopes.gradEnabled ? refuseOthers : null);
      if (!check.isPlain(made)) check.fail(op, `fn returned ${check.say(made)}, expected { value, saved, gradient }.`);
      const { value, saved, gradient } = check.options(
        op,
        made,
        {
          value: check.REQUIRED as unknown,
          saved: [] as readonly Tensor[],
          gradient: check.REQUIRED as unknown,
        },
        'result',
      );
      if (!check.every(saved, (one) => one instanceof Tensor))
        check.fail(op, `${check.came('saved', saved, 'is')}, expected an array of Tensors.`);
      if (check.contextOf(op, { value: value as Tensor, ...check.tensors(op, 'saved', saved) }) !== context)
        check.fail(op, 'value lives on another engine than the inputs.');
      check.callback(op, 'gradient', gradient);
      // What fn made, or was given: its own handles stay usable in `gradient`, whatever becomes of the caller's.
      const kept = saved.filter((tensor) => tensor.owner === owner);
      for (const tensor of kept) {
        owner?.delete(tensor);
        tensor.owner = null;
      }
      const y = context.alias(value as Tensor, (value as Tensor).shape, false);
      context.named = named;
      return context.record(op, given, y, {
        saved,
        backward: (dy) => gradientsOf(op, given, dy, gradient as CustomGrad['gradient']),
        release: () => {
          for (const tensor of kept) tensor.dispose();
        },
      });
    });
  };
}

/** What asks for a gradient and is no input would never get one. */
function refuseOthers(op: string, used: readonly { readonly requiresGrad: boolean }[]): void {
  const other = used.find(({ requiresGrad }) => requiresGrad);
  if (other)
    check.fail(
      op,
      `${check.say(other)} asks for a gradient and is no input of fn, expected it among them; detach() what is a constant.`,
    );
}

function gradientsOf(
  op: string,
  inputs: readonly Tensor[],
  dy: Tensor,
  gradient: CustomGrad['gradient'],
): (Tensor | null)[] {
  const list: unknown = check.called(op, 'gradient', () => {
    try {
      return gradient(dy);
    } catch (error) {
      if (!(error instanceof UsedAfterDisposeError)) throw error;
      const { message } = error;
      throw new UsedAfterDisposeError(`${message.replace(/\.$/, '')}; list in saved what it uses.`);
    }
  });
  if (!Array.isArray(list))
    return check.fail(op, `gradient returned ${check.say(list)}, expected an array with one entry for each input.`);
  if (list.length !== inputs.length)
    check.fail(op, `gradient returned ${list.length} entries, expected ${inputs.length}, one for each input.`);
  return inputs.map(({ shape, requiresGrad, engine: context }, i) => {
    const one: unknown = list[i];
    const wanted = `expected a Tensor [${shape.join(', ')}] as inputs[${i}]`;
    if (one === null && !requiresGrad) return null;
    if (!(one instanceof Tensor)) return check.fail(op, `${check.came(`gradient[${i}]`, one, 'is')}, ${wanted}.`);
    if (check.contextOf(op, { [`gradient[${i}]`]: one }) !== context)
      check.fail(op, `gradient[${i}] lives on another engine, ${wanted}.`);
    if (one.shape.length !== shape.length || one.shape.some((extent, axis) => extent !== shape[axis]))
      check.fail(op, `gradient[${i}] is [${one.shape.join(', ')}], ${wanted}.`);
    return context.alias(one, shape, false); // it may be dy, a saved one, or the same for two inputs
  });
}
