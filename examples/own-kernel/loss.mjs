// A loss of one's own in two fused kernels: InfoNCE by Cauchy similarities w_ij = 1 / (1 + |z_i - z_j|^2), for embeddings that
// are looked at (Böhm, Berens & Kobak 2023, "Unsupervised visualization of image datasets using contrastive learning").
// The matrix of similarities is never stored, neither for the value nor for the gradient.
// node loss.mjs
import { add, concat, createEngine, customGrad, defineKernel, log, mean, square, sub, sum } from 'gramian';
import { link } from 'gramian/kernels';
import { createRandom, linear } from 'gramian/nn';
import { adamW } from 'gramian/optim';
import { canaries, gradcheck } from 'gramian/testing';

// A row of z has LANES lanes, which meet in row_sum; `rows` and `grid` are pieces of the package.
const DIMENSIONS = 2;
const kernel = (name, buffers, body) => ({
  name,
  workgroups: ({ z }) => z.shape[0],
  wgsl: link(
    `// @use rows grid
struct Params { first_group: u32, end_group: u32, n: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<vec${DIMENSIONS}f>;
${buffers}
@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group_number(id, grid);
  if (i >= p.end_group) { return; }
  ${body}
}`,
    { constants: { LANES: 64 } },
  ),
});

// y_i = sum over j != i of w_ij
const sums = defineKernel(
  kernel(
    'cauchy_sums',
    '@group(0) @binding(2) var<storage, read_write> y: array<f32>;',
    `var part = 0.0;
  for (var j = lane; j < p.n; j += LANES) {
    let apart = z[i] - z[j];
    if (j != i) { part += 1.0 / (1.0 + dot(apart, apart)); }
  }
  let total = row_sum(lane, part);
  if (lane == 0u) { y[i] = total; }`,
  ),
);

// dz_i = -2 sum over j of (dy_i + dy_j) w_ij^2 (z_i - z_j): w_ij is in y_i and in y_j
const sumsGrad = defineKernel(
  kernel(
    'cauchy_sums_grad',
    `@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dz: array<vec${DIMENSIONS}f>;`,
    `var part = vec${DIMENSIONS}f();
  for (var j = lane; j < p.n; j += LANES) {
    let apart = z[i] - z[j];
    let w = 1.0 / (1.0 + dot(apart, apart));
    part -= 2.0 * (dy[i] + dy[j]) * w * w * apart; // 0 at j = i
  }
  for (var d = 0u; d < ${DIMENSIONS}u; d++) { part[d] = row_sum(lane, part[d]); }
  if (lane == 0u) { dz[i] = part; }`,
  ),
);

const cauchySums = customGrad((z) => {
  const n = z.shape[0];
  return {
    value: sums({ z }, { y: [n] }, { n }).y,
    saved: [z],
    gradient: (dy) => [sumsGrad({ z, dy }, { dz: z.shape }, { n }).dz],
  };
});

/** -log of each view's similarity to its partner, over those to all others. */
const cauchyInfoNCE = (a, b) =>
  add(mean(log(cauchySums(concat([a, b])))), mean(log(add(sum(square(sub(a, b)), 1), 1))));

const engine = await createEngine();
const random = createRandom(1);
const normal = (...shape) => Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.gaussian());

// What is new is tested first: the gradient, and that nothing is written past the end.
const views = [0, 1].map(() => engine.tensor(normal(5, DIMENSIONS), [5, DIMENSIONS]));
const { worst } = await gradcheck(cauchyInfoNCE, views);
console.log(worst < 1e-4); // true
await canaries(() => cauchyInfoNCE(...views));

// Four groups of samples, and an encoder that lays them out in the plane.
const [count, inputs] = [200, 16];
const centres = normal(4, inputs).map((x) => 3 * x);
const view = () => {
  const noise = normal(count, inputs);
  return engine.tensor(
    noise.map((x, t) => x + centres[(Math.floor(t / inputs) % 4) * inputs + (t % inputs)]),
    [count, inputs],
  );
};
const encoder = linear(engine, random, inputs, DIMENSIONS, { bias: true });
const optimizer = adamW(encoder.parameters, { learningRate: 0.02 });
const losses = [];
for (let step = 0; step < 100; step++) {
  const loss = engine.scope(() => {
    const loss = cauchyInfoNCE(encoder.forward(view(), true), encoder.forward(view(), true));
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    return loss;
  });
  if (step % 99 === 0) losses.push(await loss.item());
  loss.dispose();
}
const [first, last] = losses;
console.log(last < first - 0.2); // true
engine.destroy();
