import { dot, type Matrix, normalize, row } from '../matrix.ts';
import { Tape, type Variable } from '../tape.ts';
import type { LossResult } from './result.ts';

/** rows cut to the ball of radius sqrt(mu); (-2 mean s_ii + sum_{i != j} s_ij^2 / (N (N - 1))) / mu */
export function spectralContrastive(views: readonly Matrix[], mu: number): LossResult {
  const tape = new Tape();
  const inputs = views.map((view) => tape.of(view));
  const cut = inputs.map((input) => {
    const over = tape.map(
      tape.rowSums(tape.mul(input, input)),
      (square) => Math.max(Math.sqrt(square / mu), 1),
      (square) => (square > mu ? 0.5 / Math.sqrt(square * mu) : 0),
    );
    return tape.div(input, over);
  });
  const scores = tape.products(cut[0], cut[1]);
  const n = scores.rows;
  const own = tape.scale(tape.sum(tape.only(scores, (i, j) => i === j)), -2 / n);
  const others = tape.only(scores, (i, j) => i !== j);
  const apart = tape.scale(tape.sum(tape.mul(others, others)), 1 / (n * (n - 1)));
  return tape.result(tape.scale(tape.add(own, apart), 1 / mu), inputs);
}

export function froSSL(views: readonly Matrix[]): LossResult {
  const tape = new Tape();
  const inputs = views.map((view) => tape.of(view));
  const d = views[0].columns;
  const features = inputs.map((input) => tape.unit(tape.transpose(input)));
  const spread = features.map((x) => {
    const gram = tape.products(x, x);
    return tape.map(tape.scale(tape.sum(tape.mul(gram, gram)), 1 / d ** 2), Math.log, (value) => 1 / value);
  });
  const middle = tape.scale(tape.add(features[0], features[1]), 1 / 2);
  const apart = features.map((x) => {
    const off = tape.sub(x, middle);
    return tape.scale(tape.mean(tape.mul(off, off)), 2 * d);
  });
  return tape.result(
    [...spread, ...apart].reduce((a, b) => tape.add(a, b)),
    inputs,
  );
}

/** mean m^2 + second max(0, q - 1 / D) over the cosines of different rows */
export function orthogonality([z]: readonly Matrix[]): LossResult {
  const tape = new Tape();
  const input = tape.of(z);
  const unit = tape.unit(input);
  const others = tape.only(tape.products(unit, unit), (i, j) => i !== j);
  const pairs = 1 / (z.rows * (z.rows - 1));
  const first = tape.scale(tape.sum(others), pairs);
  const second = tape.map(
    tape.scale(tape.sum(tape.mul(others, others)), pairs),
    (q) => q - 1 / z.columns,
    () => 1,
  );
  return tape.result(tape.add(tape.mul(first, first), tape.relu(second)), [input]);
}

export function cka(views: readonly Matrix[], debiased: boolean): LossResult {
  const tape = new Tape();
  const inputs = views.map((view) => tape.of(view));
  const n = views[0].rows;
  const grams = inputs.map((input) => {
    const features = tape.transpose(input);
    const centred = tape.transpose(tape.sub(features, tape.scale(tape.rowSums(features), 1 / n)));
    return tape.products(centred, centred);
  });
  const alike = (a: Variable, b: Variable): Variable => {
    if (!debiased) return tape.sum(tape.mul(a, b));
    // Song et al.: of the matrices without their diagonals.
    const [k, l] = [a, b].map((gram) => tape.only(gram, (i, j) => i !== j));
    const whole = tape.mul(tape.sum(k), tape.sum(l));
    const rows = tape.sum(tape.mul(tape.rowSums(k), tape.rowSums(l)));
    return tape.add(
      tape.sum(tape.mul(k, l)),
      tape.add(tape.scale(whole, 1 / ((n - 1) * (n - 2))), tape.scale(rows, -2 / (n - 2))),
    );
  };
  const [x, y] = grams;
  const root = tape.map(tape.mul(alike(x, x), alike(y, y)), Math.sqrt, (value) => 0.5 / Math.sqrt(value));
  return tape.result(tape.div(alike(x, y), root), inputs);
}

/** mean (X X^T - Y Y^T)^2 over unit rows, with products below 0 as 0 where they are clamped */
export function gramAnchoring([student, teacher]: readonly Matrix[], clamp?: 'both' | 'teacher'): LossResult {
  const tape = new Tape();
  const input = tape.of(student);
  const [x, y] = [tape.unit(input), tape.of(normalize(teacher).u)];
  const [own, theirs] = [x, y].map((rows) => tape.products(rows, rows));
  const apart = tape.sub(clamp === 'both' ? tape.relu(own) : own, clamp ? tape.relu(theirs) : theirs);
  const { value, gradients } = tape.result(tape.mean(tape.mul(apart, apart)), [input]);
  return { value, gradients: [...gradients, { ...teacher, data: new Float64Array(teacher.data.length) }] };
}

/** Of all views together, or the mean of each alone. */
function test(tape: Tape, z: Variable, slices: Matrix): Variable {
  const directions = normalize(transposed(slices)).u;
  const step = 3 / 16;
  const x = tape.products(tape.of(directions), z); // [S, N]
  const terms = Array.from({ length: 16 }, (_, k) => {
    const t = (k + 1) * step;
    const normal = Math.exp((-t * t) / 2);
    const mean = (f: (u: number) => number, df: (u: number) => number): Variable =>
      tape.scale(
        tape.rowSums(
          tape.map(
            x,
            (value) => f(t * value),
            (value) => t * df(t * value),
          ),
        ),
        1 / z.rows,
      );
    const real = tape.map(
      mean(Math.cos, (u) => -Math.sin(u)),
      (value) => value - normal,
      () => 1,
    );
    const imaginary = mean(Math.sin, Math.cos);
    const weight = normal * step * (k === 15 ? 1 : 2) * z.rows;
    return tape.scale(tape.mean(tape.add(tape.mul(real, real), tape.mul(imaginary, imaginary))), weight);
  });
  return terms.reduce((a, b) => tape.add(a, b));
}

function transposed(m: Matrix): Matrix {
  const data = Float64Array.from(m.data, (_, t) => m.data[(t % m.rows) * m.columns + Math.floor(t / m.rows)]);
  return { rows: m.columns, columns: m.rows, data };
}

export function sigReg(views: readonly Matrix[], slices: Matrix): LossResult {
  const tape = new Tape();
  const inputs = views.map((view) => tape.of(view));
  const tests = inputs.map((input) => test(tape, input, slices));
  return tape.result(
    tape.scale(
      tests.reduce((a, b) => tape.add(a, b)),
      1 / views.length,
    ),
    inputs,
  );
}

export function leJEPA(views: readonly Matrix[], globals: number, slices: Matrix, lambda: number): LossResult {
  const tape = new Tape();
  const inputs = views.map((view) => tape.of(view));
  const tests = inputs.map((input) => tape.scale(test(tape, input, slices), lambda / views.length));
  const centre = tape.scale(
    inputs.slice(0, globals).reduce((a, b) => tape.add(a, b)),
    1 / globals,
  );
  const apart = inputs.map((input) => {
    const off = tape.sub(centre, input);
    return tape.scale(tape.mean(tape.mul(off, off)), (1 - lambda) / views.length);
  });
  return tape.result(
    [...tests, ...apart].reduce((a, b) => tape.add(a, b)),
    inputs,
  );
}

/** nn_i: the row of the support nearest to z0's row i; mean_i [ lse_j n_i.p_j / tau - n_i.p_i / tau ] */
export function nnclr([z0, z1]: readonly Matrix[], support: Matrix, temperature: number): LossResult {
  const tape = new Tape();
  const [own, bank] = [z0, support].map((m) => normalize(m).u);
  const neighbours = Array.from({ length: z0.rows }, (_, i) => {
    const scores = Array.from({ length: bank.rows }, (_, k) => dot(row(own, i), row(bank, k)));
    return row(bank, scores.indexOf(Math.max(...scores)));
  });
  const input = tape.of(z1);
  const rows = tape.of({
    rows: z0.rows,
    columns: z0.columns,
    data: Float64Array.from(neighbours.flatMap((n) => [...n])),
  });
  const logits = tape.scale(tape.products(rows, tape.unit(input)), 1 / temperature);
  const positives = tape.rowSums(tape.only(logits, (i, j) => i === j));
  const { value, gradients } = tape.result(tape.mean(tape.sub(tape.logSumExp(logits), positives)), [input]);
  return { value, gradients: [{ ...z0, data: new Float64Array(z0.data.length) }, ...gradients] };
}
