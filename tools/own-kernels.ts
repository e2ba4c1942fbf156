// npm run own-kernels: the time of three ops written on public names against that of the package's own, in turns: docs/own-kernels.md.
import { quantile } from '../bench/statistics.ts';
import { createRandom } from '../src/core/random.ts';
import { add, createEngine, div, exp, neg, sum, type Tensor, transpose } from '../src/index.ts';
import { softmaxColumns } from '../src/ops/softmaxColumns.ts';
import { expSums, ourExpSums, ownExp, rowSoftmax, scheduleOf, silu } from '../test/testing/rebuilt.ts';

type Op = (x: Tensor) => Tensor;
const ROUNDS = Number(process.argv[2] ?? 100);
const engine = await createEngine({ tune: 'off' });
const random = createRandom(1);
const given = (...shape: number[]): Tensor => {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.gaussian());
  return engine.tensor(values, shape, { requiresGrad: true });
};

/** Milliseconds of a value and its gradient. */
async function time(op: Op, x: Tensor): Promise<number> {
  x.zeroGrad();
  const began = performance.now();
  engine.scope(() => sum(op(x)).backward());
  await engine.sync();
  return performance.now() - began;
}

async function compare(name: string, x: Tensor, mine: Op, ours: Op): Promise<void> {
  for (let warm = 0; warm < 3; warm++) for (const op of [mine, ours]) await time(op, x);
  const times: [number, number][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // Whoever comes second may find what the first left behind: they take turns at that, too.
    const first = await time(round % 2 ? mine : ours, x);
    const second = await time(round % 2 ? ours : mine, x);
    times.push(round % 2 ? [first, second] : [second, first]);
  }
  const middle = (list: number[], at = 0.5): string =>
    quantile(
      list.sort((a, b) => a - b),
      at,
    ).toFixed(2);
  const ratios = times.map(([a, b]) => a / b);
  console.log(
    `${name.padEnd(34)} ${middle(times.map(([a]) => a)).padStart(8)} ms, ours ${middle(times.map(([, b]) => b)).padStart(8)} ms, ` +
      `ratio ${middle(ratios)} (quartiles ${middle(ratios, 0.25)} to ${middle(ratios, 0.75)})`,
  );
}

console.log(`value and gradient, ${ROUNDS} pairs, on ${engine.info.description}`);
const x = given(1024, 1024);
await compare('exp [1024, 1024]', x, ownExp, exp);
await compare('SiLU [1024, 1024], ours composed', x, silu, (t) => div(t, add(exp(neg(t)), 1)));
const logits = given(4096, 256);
const { tuning } = engine.explain(() => softmaxColumns(engine, 'softmax', logits))[0];
const softmax = rowSoftmax(tuning);
await compare('softmax of rows [4096, 256]', logits, softmax, (t) => transpose(softmaxColumns(engine, 'softmax', t)));
await compare('  without transposing ours', logits, softmax, (t) => softmaxColumns(engine, 'softmax', t));
const z = given(512, 128);
const mine = expSums(scheduleOf(engine, z));
await compare(
  'sums over pairs [512, 128]',
  z,
  (t) => mine(t, 16),
  (t) => ourExpSums(t, 16),
);
engine.destroy();
