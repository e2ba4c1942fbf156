// Trains an encoder of jax-js without labels: two noisy views of a sample shall be closer than views of different samples.
// node first.mjs 200 takes 200 steps.
import './webgpu.mjs'; // in a browser: not needed
import * as jax from '@jax-js/jax';
import { attach } from 'gramian/jax';

const [samples, inputs, features] = [256, 32, 16];
const steps = Number(process.argv[2] ?? 60);
await jax.init('webgpu');
jax.defaultDevice('webgpu');
const { nn, numpy: np, random, tree } = jax;
const g = await attach(jax);

const normal = (seed, shape, scale) => np.multiply(random.normal(random.key(seed), shape), scale);
const data = normal(1, [samples, inputs], 1);
const noisy = (seed) => np.add(data.ref, normal(seed, [samples, inputs], 0.7));
const encode = (x, { w1, w2 }) => np.matmul(nn.relu(np.matmul(x, w1)), w2);
let params = { w1: normal(2, [inputs, 64], 0.2), w2: normal(3, [64, features], 0.2) };

for (let step = 0; step <= steps; step++) {
  // Arrays are consumed where they are used: `.ref` is one more use.
  const views = ({ w1, w2 }) => [
    encode(noisy(10 + 2 * step), { w1: w1.ref, w2: w2.ref }),
    encode(noisy(11 + 2 * step), { w1, w2 }),
  ];
  const [loss, gradients] = await g.valueAndGrad('ntXent', views, tree.ref(params), { temperature: 0.2 });
  params = tree.map((w, dw) => np.subtract(w, np.multiply(dw, 0.1)), params, gradients);
  if (step % 20 === 0 || step === steps) console.log(`step ${step}: loss ${(await loss.ref.data())[0].toFixed(3)}`);
  loss.dispose();
}
g.destroy();
process.exit(); // the framework's device would keep Node alive
