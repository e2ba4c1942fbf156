// How hard the letters are: accuracy of a weighted k-NN on raw pixels, test on train. Usage: node knn.mjs [DIR]
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const K = 20;
const TEMPERATURE = 0.07;
const CLASSES = 26;
const PIXELS = 28 * 28;
const folder = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '../../data/letters');

function load(split) {
  const read = (name) => gunzipSync(readFileSync(join(folder, `${split}-${name}-ubyte.gz`)));
  const pixels = read('images-idx3').subarray(16);
  const labels = read('labels-idx1').subarray(8);
  const vectors = new Float32Array(pixels.length);
  for (let i = 0; i < labels.length; i++) {
    let squares = 0;
    for (let k = i * PIXELS; k < (i + 1) * PIXELS; k++) squares += pixels[k] ** 2;
    const scale = 1 / Math.sqrt(squares);
    for (let k = i * PIXELS; k < (i + 1) * PIXELS; k++) vectors[k] = pixels[k] * scale;
  }
  return { labels, vectors };
}

const train = load('train');
const test = load('test');
const right = new Array(CLASSES).fill(0);
const total = new Array(CLASSES).fill(0);
for (let t = 0; t < test.labels.length; t++) {
  const query = test.vectors.subarray(t * PIXELS, (t + 1) * PIXELS);
  const nearest = []; // [similarity, label], best first
  for (let i = 0; i < train.labels.length; i++) {
    let s = 0;
    for (let k = 0, at = i * PIXELS; k < PIXELS; k++, at++) s += query[k] * train.vectors[at];
    if (nearest.length === K && s <= nearest[K - 1][0]) continue;
    if (nearest.length === K) nearest.pop();
    let at = nearest.length;
    while (at > 0 && nearest[at - 1][0] < s) at--;
    nearest.splice(at, 0, [s, train.labels[i]]);
  }
  const votes = new Float64Array(CLASSES);
  for (const [s, label] of nearest) votes[label] += Math.exp(s / TEMPERATURE);
  const label = test.labels[t];
  total[label]++;
  if (votes.indexOf(Math.max(...votes)) === label) right[label]++;
}
const sum = (values) => values.reduce((a, b) => a + b, 0);
console.log(right.map((n, c) => `${String.fromCharCode(65 + c)} ${((100 * n) / total[c]).toFixed(0)}`).join('  '));
console.log(`raw pixels, k = ${K}: ${((100 * sum(right)) / sum(total)).toFixed(2)} % of ${sum(total)} test images`);
