// Trains an encoder of TensorFlow.js without labels: two noisy views of a sample shall be closer than views of different samples.
// node first.mjs 200 takes 200 steps.
import './webgpu.mjs'; // in a browser: not needed
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-webgpu';
import { attach } from 'gramian/tfjs';

const [samples, inputs, features] = [256, 32, 16];
const steps = Number(process.argv[2] ?? 60);
await tf.setBackend('webgpu');
const g = await attach(tf);

const data = tf.randomNormal([samples, inputs], 0, 1, 'float32', 1);
const noisy = (seed) => tf.add(data, tf.randomNormal([samples, inputs], 0, 0.7, 'float32', seed));
const w1 = tf.variable(tf.randomNormal([inputs, 64], 0, 0.2, 'float32', 2));
const w2 = tf.variable(tf.randomNormal([64, features], 0, 0.2, 'float32', 3));
const encode = (x) => tf.matMul(tf.relu(tf.matMul(x, w1)), w2);
const optimizer = tf.train.adam(3e-3);

for (let step = 0; step <= steps; step++) {
  const loss = () => g.ntXent(encode(noisy(10 + 2 * step)), encode(noisy(11 + 2 * step)), { temperature: 0.2 });
  const value = optimizer.minimize(loss, true);
  if (step % 20 === 0 || step === steps) console.log(`step ${step}: loss ${(await value.data())[0].toFixed(3)}`);
  value.dispose();
}
g.destroy();
process.exit(); // the framework's device would keep Node alive
