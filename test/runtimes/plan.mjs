// What `npm run test:runtimes` runs beside README's program: a plan against the same call by itself, on buffers of the host.
import { createEngine, ntXent } from 'gramian';

const engine = await createEngine();
const shape = [64, 16];
const wave = (shift) => Float32Array.from({ length: 64 * 16 }, (_, i) => Math.sin(i * i + shift));
const z0 = engine.tensor(wave(0), shape, { requiresGrad: true });
const z1 = engine.tensor(wave(0.5), shape);
const alone = ntXent(z0, z1);
alone.backward();

const plan = engine.plan({ z0: { shape, requiresGrad: true }, z1: shape }, (given) => {
  const loss = ntXent(given.z0, given.z1);
  loss.backward();
  return { loss, gradient: given.z0.grad };
});
const usage = 0x80 | 0x04 | 0x08; // STORAGE, COPY_SRC, COPY_DST: not every runtime has the names
const [loss, gradient] = [256, 4 * z0.size].map((size) => engine.device.createBuffer({ size, usage }));
const encoder = engine.device.createCommandEncoder();
plan.encode(encoder, { z0: z0.buffer, z1: z1.buffer, loss, gradient });
engine.device.queue.submit([encoder.finish()]);

const read = (tensor) => tensor.data();
const [wanted, slopes] = await Promise.all([alone, z0.grad].map(read));
const [value, again] = await Promise.all([engine.fromBuffer(loss, [1]), engine.fromBuffer(gradient, shape)].map(read));
const same = value[0] === wanted[0] && again.every((one, i) => one === slopes[i]);
console.log(JSON.stringify({ adapter: engine.info.description, loss: value[0].toFixed(4), same }));
engine.destroy();
