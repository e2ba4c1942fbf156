import * as check from '../core/checkTensor.ts';
import { createRandom } from '../core/random.ts';
import { Tensor } from '../core/tensor.ts';
import { mul } from '../ops/arithmetic.ts';
import { sum } from '../ops/sum.ts';

export interface GradcheckOptions {
  /** Largest allowed difference, relative to the largest entry of an input's gradient. Default 1e-4. */
  tolerance?: number;
}

export interface GradcheckResult {
  /** Largest difference between gradient and differences, relative to the largest entry of the input's gradient. */
  readonly worst: number;
  /** How far plain differences of f32 values are off, on the same scale: what cannot be told from rounding and curvature. */
  readonly naive: number;
}

const MOST = 64; // entries looked at of each input
const STEP = 2 ** -6;

/**
 * Compares the gradient of `fn` with central differences of fourth order, whose sums are f64 on the CPU; a result of several
 * numbers is weighed with random ones. Rejects where they differ by more than `tolerance` and by more than twice `naive`.
 * @param inputs Tensors whose numbers it starts from; they are not changed. Of each, 64 entries are looked at
 */
export async function gradcheck(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options?: GradcheckOptions,
): Promise<GradcheckResult> {
  const op = 'gradcheck';
  check.callback(op, 'fn', fn);
  if (!Array.isArray(inputs)) check.fail(op, `${check.came('inputs', inputs, 'is')}, expected an array of Tensors.`);
  if (inputs.length === 0) check.fail(op, 'inputs is empty, expected at least one Tensor.');
  const context = check.contextOf(op, check.tensors(op, 'inputs', inputs));
  const { tolerance } = check.options(op, options, { tolerance: 1e-4 });
  check.positive(op, 'tolerance', tolerance);
  const values = await Promise.all(inputs.map(async (input) => (await input.data()).slice()));
  const leaves = context.unscoped(() =>
    inputs.map(({ shape }, i) => context.tensor(values[i], shape, { requiresGrad: true })),
  );
  const called = fn.name || 'fn';
  const call = (): Tensor => {
    const y = check.called(op, called, () => fn(...leaves));
    if (!(y instanceof Tensor)) check.fail(op, `${called} returned ${check.say(y)}, expected a Tensor.`);
    return y;
  };
  const random = createRandom(1);
  let weights: Float32Array | null = null;
  const numbers = async (): Promise<Float32Array> => {
    const y = context.noGrad(() => context.scope(() => call().detach()));
    const list = await y.data();
    y.dispose();
    return list;
  };
  const total = async (): Promise<number> =>
    (await numbers()).reduce((a, value, i) => a + value * (weights as Float32Array)[i], 0);
  try {
    context.scope(() => {
      const y = call();
      if (!y.requiresGrad)
        check.fail(
          op,
          `what ${called} returned has no gradient, expected it to be computed from the inputs by ops or customGrad(), without detach() or noGrad().`,
        );
      weights = Float32Array.from({ length: y.size }, () => (y.size === 1 ? 1 : random.gaussian()));
      sum(mul(y, context.tensor(weights, y.shape))).backward();
    });
    const twice = [await numbers(), await numbers()];
    const most = twice[0].reduce((top, value) => Math.max(top, Math.abs(value)), 0);
    // Differences of what changes by itself say nothing, and allow anything.
    if (
      twice.some(
        (list) => list.length !== twice[0].length || list.some((v, i) => Math.abs(v - twice[0][i]) > 1e-5 * most),
      )
    )
      check.fail(
        op,
        `${called} gives other numbers at every call, expected the same of the same inputs; fix its seed.`,
      );
    let [worst, naive, said] = [0, 0, ''];
    for (const [k, leaf] of leaves.entries()) {
      const gradient = (await leaf.grad?.data()) ?? new Float32Array(leaf.size);
      const picks =
        leaf.size <= MOST ? [...gradient.keys()] : Array.from({ length: MOST }, () => random.below(leaf.size));
      const found: { at: number; fine: number; plain: number }[] = [];
      for (const at of picks) {
        const step = STEP * 2 ** Math.max(0, Math.ceil(Math.log2(Math.abs(values[k][at]) || 1)));
        const moved = async (by: number): Promise<number> => {
          const list = values[k].slice();
          list[at] += by;
          leaf.write(list);
          return total();
        };
        const near = ((await moved(step)) - (await moved(-step))) / (2 * step);
        const far = ((await moved(2 * step)) - (await moved(-2 * step))) / (4 * step);
        if (!Number.isFinite(near) || !Number.isFinite(far))
          check.fail(
            op,
            `${called} is not finite where inputs[${k}] at element ${at} is ${values[k][at]} +- ${2 * step}, expected numbers there.`,
          );
        found.push({ at, fine: (4 * near - far) / 3, plain: near });
      }
      leaf.write(values[k]);
      let scale = 1e-30;
      for (const { fine } of found) scale = Math.max(scale, Math.abs(fine));
      for (const value of gradient) scale = Math.max(scale, Math.abs(value));
      for (const { at, fine, plain } of found) {
        const apart = Math.abs(gradient[at] - fine) / scale;
        naive = Math.max(naive, Math.abs(plain - fine) / scale);
        if (apart <= worst) continue;
        worst = apart;
        said = `the gradient of inputs[${k}] at element ${at} is ${gradient[at]}, expected ${fine} by differences`;
      }
      if (gradient.some((value) => !Number.isFinite(value)))
        check.fail(op, `the gradient of inputs[${k}] holds numbers that are not finite.`);
    }
    if (!(worst <= Math.max(tolerance, 2 * naive)))
      check.fail(op, `${said} (off by ${worst.toPrecision(2)} of the largest, allowed ${tolerance}).`);
    return { worst, naive };
  } finally {
    for (const leaf of leaves) leaf.dispose();
  }
}
