import { dot, type Matrix, row } from '../matrix.ts';
import { Tape, type Variable } from '../tape.ts';
import type { LossResult } from './result.ts';

type Admits = (i: number, j: number) => boolean;

/** What counts as a pair of one class, and of two, where no row meets itself. */
function kinds(own: ArrayLike<number>, theirs: ArrayLike<number>, alone: boolean): { same: Admits; different: Admits } {
  return {
    same: (i, j) => own[i] === theirs[j] && !(alone && i === j),
    different: (i, j) => own[i] !== theirs[j],
  };
}

export function multiSimilarity(
  [z, reference]: readonly Matrix[],
  labels: ArrayLike<number>,
  referenceLabels: ArrayLike<number> = labels,
  { alpha = 2, beta = 50, base = 0.5 } = {},
): LossResult {
  const tape = new Tape();
  const inputs = (reference ? [z, reference] : [z]).map((input) => tape.of(input));
  const units = inputs.map((input) => tape.unit(input));
  const scores = tape.products(units[0], units[units.length - 1]);
  const { same, different } = kinds(labels, referenceLabels, !reference);
  const side = (sharpness: number, sign: number, admits: Admits): Variable => {
    const logits = tape.map(
      scores,
      (s) => sign * sharpness * (s - base),
      () => sign * sharpness,
    );
    return tape.scale(tape.logSumExp(logits, admits, 0), 1 / sharpness);
  };
  return tape.result(tape.mean(tape.add(side(alpha, -1, same), side(beta, 1, different))), inputs);
}

export function circle(
  [z]: readonly Matrix[],
  labels: ArrayLike<number>,
  { margin, gamma }: { margin: number; gamma: number },
  [constant]: readonly Matrix[] = [z],
): LossResult {
  const tape = new Tape();
  const [input, fixed] = [z, constant].map((m) => tape.of(m));
  const [scores, before] = [input, fixed].map((rows) => {
    const unit = tape.unit(rows);
    return tape.products(unit, unit);
  });
  const { same, different } = kinds(labels, labels, true);
  // The brackets count as constants.
  const side = (bracket: (s: number) => number, sign: number, from: number): Variable => {
    const factors = tape.of({ ...before, data: before.data.map((s) => sign * gamma * Math.max(bracket(s), 0)) });
    const apart = tape.map(
      scores,
      (s) => s - from,
      () => 1,
    );
    return tape.mul(apart, factors);
  };
  const positives = side((s) => 1 + margin - s, -1, 1 - margin);
  const negatives = side((s) => s + margin, 1, margin);
  const both = tape.add(tape.logSumExp(positives, same), tape.logSumExp(negatives, different));
  const has = Array.from(both.data, (value) => value !== Number.NEGATIVE_INFINITY);
  const terms = tape.softplus(tape.only(both, (i) => has[i]));
  const counted = tape.only(terms, (i) => has[i]);
  const count = counted.data.filter((term) => term > 0).length;
  return tape.result(tape.scale(tape.sum(counted), 1 / Math.max(count, 1)), [input]);
}

export function contrastive([z]: readonly Matrix[], labels: ArrayLike<number>, near: number, far: number): LossResult {
  const tape = new Tape();
  const input = tape.of(z);
  const unit = tape.unit(input);
  const scores = tape.products(unit, unit);
  const { same, different } = kinds(labels, labels, true);
  const lengths = Array.from({ length: z.rows }, (_, i) => dot(row(unit, i), row(unit, i))); // 1, or 0 of a zero row
  const both = scores.data.map((_, t) => lengths[Math.floor(t / z.rows)] + lengths[t % z.rows]);
  const squares = tape.sub(tape.of({ ...scores, data: both }), tape.scale(scores, 2));
  const apart = (square: number): boolean => square > 1e-14; // or the rows coincide, but for rounding
  const distances = tape.map(
    squares,
    (square) => (apart(square) ? Math.sqrt(square) : 0),
    (square) => (apart(square) ? 0.5 / Math.sqrt(square) : 0),
  );
  const side = (sign: number, margin: number, admits: Admits): Variable => {
    const terms = tape.only(
      tape.relu(
        tape.map(
          distances,
          (d) => sign * (d - margin),
          () => sign,
        ),
      ),
      admits,
    );
    return tape.scale(tape.sum(terms), 1 / Math.max(terms.data.filter((term) => term > 0).length, 1));
  };
  return tape.result(tape.add(side(1, near, same), side(-1, far, different)), [input]);
}

/** Softmax over classes with a margin on the own class's cosine; `margin` of ArcFace is an angle. */
export function marginSoftmax(
  [z, weights]: readonly Matrix[],
  labels: ArrayLike<number>,
  scale: number,
  margin: { readonly angle: number } | { readonly cosine: number },
): LossResult {
  const tape = new Tape();
  const inputs = [z, weights].map((input) => tape.of(input));
  const [u, w] = inputs.map((input) => tape.unit(input));
  const scores = tape.products(u, w);
  const own: Admits = (i, j) => labels[i] === j;
  const m = 'angle' in margin ? margin.angle : 0;
  const past = (s: number): boolean => s <= -Math.cos(m);
  const sine = (s: number): number => Math.sqrt(Math.max(1 - s * s, 1e-7));
  const moved = tape.map(
    tape.rowSums(tape.only(scores, own)),
    (s) =>
      'cosine' in margin ? s - margin.cosine : past(s) ? s - m * Math.sin(m) : s * Math.cos(m) - sine(s) * Math.sin(m),
    (s) => (past(s) ? 1 : Math.cos(m) + (s * Math.sin(m)) / sine(s)),
  );
  const others = tape.logSumExp(tape.scale(scores, scale), (i, j) => !own(i, j));
  const has = others.data[0] !== Number.NEGATIVE_INFINITY; // there is another class
  const gaps = has ? tape.sub(others, tape.scale(moved, scale)) : tape.scale(moved, 0);
  return tape.result(has ? tape.mean(tape.softplus(gaps)) : tape.mean(gaps), inputs);
}

export function proxyAnchor(
  [z, proxies]: readonly Matrix[],
  labels: ArrayLike<number>,
  margin: number,
  alpha: number,
): LossResult {
  const tape = new Tape();
  const inputs = [z, proxies].map((input) => tape.of(input));
  const [u, w] = inputs.map((input) => tape.unit(input));
  const scores = tape.products(w, u);
  const side = (sign: number, admits: Admits): Variable =>
    tape.logSumExp(
      tape.map(
        scores,
        (s) => sign * alpha * (s + sign * margin),
        () => sign * alpha,
      ),
      admits,
      0,
    );
  const present = new Set(Array.from(labels)).size;
  const near = tape.scale(tape.sum(side(-1, (c, i) => labels[i] === c)), 1 / present);
  return tape.result(tape.add(near, tape.mean(side(1, (c, i) => labels[i] !== c))), inputs);
}
