// What users measure besides ours: works of a module of theirs, in Node and in the page.
import * as check from '../src/core/check.ts';
import { GramianError } from '../src/gpu/errors.ts';
import type { createEngine, Tensor } from '../src/index.ts';
import type { BenchWork, Making, Size } from '../src/testing/benchWork.ts';
import type { Entry, Open } from './contender.ts';
import { ownEntry, type Tune } from './ours.ts';

export interface OwnWorks {
  readonly works: readonly BenchWork[];
  /** What runs them: the user's own code first, then the contenders that the module exports. */
  readonly entries: readonly Entry[];
}

const OP = 'bench';

/**
 * What a module of works exports, checked.
 * @param called the module, in sentences
 * @param library what rows call the user's own code
 * @param create of the package that the module imports: tensors of another copy would be none of its
 */
export function worksOf(
  called: string,
  module: unknown,
  library: string,
  tune: Tune,
  create: typeof createEngine,
): OwnWorks {
  const { works, contenders = [] } = module as { works?: unknown; contenders?: readonly (Entry | Open)[] };
  if (!Array.isArray(works) || works.length === 0)
    return check.fail(OP, `${called} exports works = ${check.say(works)}, expected an array of works.`);
  const checked = works.map((work, i) => checkedWork(`works[${i}]`, work));
  for (const [i, { name }] of checked.entries()) {
    const first = checked.findIndex((other) => other.name === name);
    if (first < i) check.fail(OP, `works[${i}].name = "${name}", the name of works[${first}], expected each once.`);
  }
  if (
    !check.every(
      contenders,
      (each) => typeof (typeof each === 'function' ? each : (each as Entry)?.open) === 'function',
    )
  )
    check.fail(
      OP,
      `${called} exports contenders = ${check.say(contenders)}, expected an array of functions, or of { library, form, open }.`,
    );
  const others = contenders.map((each) =>
    typeof each === 'function' ? { library: `${library}, beside`, form: 'autodiff' as const, open: each } : each,
  );
  return { works: checked, entries: [ownEntry(library, checked, tune, create), ...others] };
}

/** The module that `load` gives; what keeps it from loading, in a sentence. */
export async function loaded(called: string, load: () => Promise<unknown>): Promise<unknown> {
  try {
    return await load();
  } catch (error) {
    return check.fail(
      OP,
      `${called} does not load: ${String((error as Error)?.message ?? error)
        .split('\n')[0]
        .replace(/\.$/, '')}.`,
    );
  }
}

/** The work, whose functions say in a sentence what is wrong with what they return. */
function checkedWork(at: string, given: unknown): BenchWork {
  const work = check.plain(OP, at, given) as unknown as BenchWork;
  if (!/^[\p{L}\p{N} _.:()+-]+$/u.test(check.text(OP, `${at}.name`, work.name)))
    check.fail(OP, `${at}.name = ${check.say(work.name)}, expected letters, digits, spaces and any of _.:()+-.`);
  for (const name of ['flops', 'bytes', 'make', 'run'] as const) check.callback(OP, `${at}.${name}`, work[name]);
  if (work.exps !== undefined) check.callback(OP, `${at}.exps`, work.exps);
  const { name, axes } = work;
  if (!check.every(axes, (axis) => /^[a-z]+$/.test(String(axis))) || axes.length === 0)
    check.fail(OP, `${name}.axes is ${check.say(axes)}, expected an array of small letters, such as ["n", "d"].`);
  if (!check.every(work.sizes, () => true) || work.sizes.length === 0)
    check.fail(OP, `${name}.sizes is ${check.say(work.sizes)}, expected an array of sizes.`);
  for (const [i, size] of work.sizes.entries()) checkSize(`${name}.sizes[${i}]`, axes, size);
  checkSize(`${name}.quick`, axes, work.quick);
  const counted = (what: 'flops' | 'bytes' | 'exps') => (size: Size) =>
    check.nonNegative(
      OP,
      `what ${name}.${what} returns`,
      said(`${name}.${what}`, () => work[what]?.(size) ?? 0),
    );
  const counts = { flops: counted('flops'), bytes: counted('bytes'), exps: counted('exps') };
  const run: BenchWork['run'] = (...given) => {
    const result: unknown = work.run(...given);
    // By what it does: the module may have another copy of the package.
    if (typeof (result as Tensor | undefined)?.backward !== 'function')
      check.fail(OP, `${name}.run returned ${check.say(result)}, expected a Tensor.`);
    return result as Tensor;
  };
  return { ...work, ...counts, run, make: (size) => checkedMaking(name, work, size) };
}

function checkSize(at: string, axes: readonly string[], size: unknown): void {
  const extents = check.plain(OP, at, size);
  for (const axis of axes) check.integer(OP, `${at}.${axis}`, extents[axis], 1, 2 ** 28);
}

function checkedMaking(name: string, work: BenchWork, size: Size): Making {
  const made = said(`${name}.make`, () => work.make(size));
  check.plain(OP, `the result of ${name}.make`, made);
  for (const [input, matrix] of Object.entries(check.plain(OP, `${name}.inputs`, made.inputs))) {
    const { data, shape } = check.plain(OP, `${name}.inputs.${input}`, matrix) as unknown as Making['inputs'][string];
    const count = check.shape(OP, shape, `${name}.inputs.${input}.shape`).reduce((a, b) => a * b, 1);
    if (!(data instanceof Float32Array) || data.length !== count)
      check.fail(
        OP,
        `${name}.inputs.${input}.data is ${check.say(data)}, expected a Float32Array of ${count} numbers.`,
      );
  }
  const { differentiated = [], expected, reference, tolerance } = made;
  if (tolerance !== undefined) check.positive(OP, `${name}.tolerance`, tolerance);
  if (!check.every(differentiated, (input) => typeof input === 'string'))
    check.fail(OP, `${name}.differentiated is ${check.say(differentiated)}, expected an array of names of inputs.`);
  const unknown = differentiated.find((input) => !Object.hasOwn(made.inputs, input));
  if (unknown !== undefined) check.fail(OP, `${name}.differentiated has "${unknown}", which is no input.`);
  check.callback(OP, `${name}.reference`, reference);
  // What is not compared would be timed unseen.
  const whole = <Output>(
    by: string,
    answer: Readonly<Record<string, Output>>,
    numbersOf: (output: Output) => ArrayLike<number>,
  ): Readonly<Record<string, Output>> => {
    check.plain(OP, `the result of ${name}.${by}`, answer);
    for (const output of ['value', ...differentiated.map((input) => `d_${input}`)]) {
      const numbers = numbersOf(answer[output]);
      const odd = Array.prototype.findIndex.call(numbers ?? [], (number) => !Number.isFinite(number));
      if (odd >= 0)
        check.fail(
          OP,
          `${name}.${by} returns ${output}[${odd}] = ${check.say(numbers[odd])}, expected a finite number.`,
        );
      if (!(numbers?.length > 0))
        check.fail(
          OP,
          `${name}.${by} returns ${output} = ${check.say(answer[output])}, expected numbers in f64 to compare with before anything is timed.`,
        );
    }
    return answer;
  };
  return {
    ...made,
    reference: () => whole('reference', said(`${name}.reference`, reference), (numbers) => numbers),
    expected: expected && (() => whole('expected', said(`${name}.expected`, expected), (output) => output?.values)),
  };
}

/** What `fn` returns; what it throws, in a sentence. */
function said<T>(what: string, fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    throw new GramianError(`${OP}: ${what} throws: ${(error as Error)?.message ?? error}`);
  }
}
