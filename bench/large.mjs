// NT-Xent's loss and gradient at a batch whose f64 answer would take hours: 8,192 rows repeated until there are enough.
// Then every sum over the other rows follows from the small one's: r copies of a row meet r times what it met, r - 1 of
// itself more, and the gradient of each copy is that of any other.
//
//   node bench/large.mjs [--rows 131072] [--columns 128] [--repeats 5]
import { parseArgs } from 'node:util';
import { createEngine, ntXent } from '../dist/index.js';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '131072' },
    columns: { type: 'string', default: '128' },
    base: { type: 'string', default: '8192' },
    repeats: { type: 'string', default: '5' },
  },
});
const [rows, d, base] = [values.rows, values.columns, values.base].map(Number);
const copies = rows / base;
const TAU = 0.5;
if (!Number.isInteger(copies) || base % 2 !== 0)
  throw new Error(`large: --rows ${rows}, expected a multiple of ${base}`);

/** Numbers between -1 and 1 that look random enough, the same everywhere. */
const wave = (t) => Math.sin(12.9898 * (t % 99991) + 78.233 * Math.floor(t / 99991));
const small = Float32Array.from({ length: base * d }, (_, t) => {
  const half = (base / 2) * d;
  return t < half ? wave(t) : wave(t - half) + 0.7 * wave(t + 0.5);
});

function exactLoss() {
  const u = Float64Array.from(small);
  for (let i = 0; i < base; i++) {
    let square = 0;
    for (let k = 0; k < d; k++) square += u[i * d + k] ** 2;
    const inverse = 1 / Math.sqrt(square);
    for (let k = 0; k < d; k++) u[i * d + k] *= inverse;
  }
  const dot = (i, j) => {
    let [s, t] = [0, 0];
    for (let p = i * d, q = j * d, last = p + d - (d % 2); p < last; p += 2, q += 2) {
      s += u[p] * u[q];
      t += u[p + 1] * u[q + 1];
    }
    if (d % 2) s += u[i * d + d - 1] * u[j * d + d - 1];
    return s + t;
  };
  const sums = new Float64Array(base).fill(copies - 1); // its own copies: cosine 1
  for (let i = 0; i < base; i++)
    for (let j = 0; j < i; j++) {
      const e = copies * Math.exp((dot(i, j) - 1) / TAU);
      sums[i] += e;
      sums[j] += e;
    }
  let loss = 0;
  for (let i = 0; i < base; i++) loss += (Math.log(sums[i]) + (1 - dot(i, (i + base / 2) % base)) / TAU) / base;
  return loss;
}

const engine = await createEngine();
const halves = [0, 1].map((v) => {
  const part = small.subarray((v * small.length) / 2, ((v + 1) * small.length) / 2);
  const data = new Float32Array((rows / 2) * d);
  for (let at = 0; at < data.length; at += part.length) data.set(part, at);
  return engine.tensor(data, [rows / 2, d], { requiresGrad: true });
});
engine.resetPeakMemory();
let loss = 0;
const times = [];
for (let repeat = 0; repeat <= Number(values.repeats); repeat++) {
  for (const half of halves) half.zeroGrad();
  await engine.sync();
  const begin = performance.now();
  const value = ntXent(halves[0], halves[1], { temperature: TAU });
  value.backward();
  await engine.sync();
  times.push(performance.now() - begin);
  loss = await value.item();
  value.dispose();
}
const gradient = await halves[0].grad.data();
let apart = 0;
let top = 0;
const period = (base / 2) * d;
for (let t = 0; t < gradient.length; t++) {
  apart = Math.max(apart, Math.abs(gradient[t] - gradient[t % period]));
  top = Math.max(top, Math.abs(gradient[t]));
}
const [first, ...steady] = times;
steady.sort((a, b) => a - b);
const wanted = exactLoss();
console.log(
  JSON.stringify({
    case: 'ntXent',
    rows,
    columns: d,
    first,
    min: steady[0],
    median: steady[steady.length >> 1],
    tflops: (4 * rows * rows * d) / steady[steady.length >> 1] / 1e9,
    peakBytes: engine.memory().peakBytes,
    loss,
    wanted,
    error: Math.abs(loss - wanted) / wanted,
    copiesApart: apart / top,
  }),
);
engine.destroy();
process.exit(Math.abs(loss - wanted) < 1e-5 * wanted && top > 0 && apart < 1e-3 * top ? 0 : 1);
