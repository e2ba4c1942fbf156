// Moves two sets of points in buffers of TypeGPU until each is closest to its own partner.
// node first.mjs 200 takes 200 steps.
import './webgpu.mjs'; // in a browser: not needed
import { createRandom } from 'gramian/nn';
import { attach } from 'gramian/typegpu';
import tgpu from 'typegpu';
import * as d from 'typegpu/data';

const samples = 256;
const steps = Number(process.argv[2] ?? 60);
const root = await tgpu.init();
const g = await attach(root);

const random = createRandom(1); // the same numbers every time
const normal = () => d.vec4f(random.gaussian(), random.gaussian(), random.gaussian(), random.gaussian());
const schema = d.arrayOf(d.vec4f, samples);
const points = () => root.createBuffer(schema, Array.from({ length: samples }, normal)).$usage('storage');
const [z0, z1] = [points(), points()];

for (let step = 0; step <= steps; step++) {
  const { loss, gradients } = g.ntXent(z0, z1, { temperature: 0.2, gradients: true });
  for (const [i, z] of [z0, z1].entries()) {
    const [rows, slopes] = [await z.read(), await gradients[i].read()];
    z.write(rows.map((row, n) => row.sub(slopes[n].mul(30)))); // a kernel of yours would do it on the GPU
  }
  if (step % 20 === 0 || step === steps) console.log(`step ${step}: loss ${(await loss.read()).toFixed(3)}`);
  for (const buffer of [loss, ...gradients]) buffer.destroy();
}
g.destroy();
root.destroy();
process.exit();
