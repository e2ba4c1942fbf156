// Trains an encoder that ONNX Runtime runs, Z = X W: its loss, and the gradient of Z, by gramian; W's by the chain rule.
// node first.mjs 200 takes 200 steps.
import './webgpu.mjs'; // in a browser: not needed, nor the next line
import './inNode.mjs';
import { add, matmul } from 'gramian';
import { createRandom } from 'gramian/nn';
import { attach } from 'gramian/ort';
import * as ort from 'onnxruntime-web/webgpu';

const steps = Number(process.argv[2] ?? 60);
const model = // yours comes from a file; this one multiplies [256, 32] by [32, 16]
  'CAhCBAoAEBE6XQoRCgFYCgFXEgFaIgZNYXRNdWwSB2VuY29kZXJaFAoBWBIPCg0IARIJCgMIgAIKAgggWhMKAVcSDgoMCAESCAoCCCAKAggQYhQKAVoSDwoNCAESCQoDCIACCgIIEA==';
const session = await ort.InferenceSession.create(
  Uint8Array.from(atob(model), (c) => c.charCodeAt(0)),
  { executionProviders: ['webgpu'], preferredOutputLocation: 'gpu-buffer' },
);
const g = await attach(ort); // on the runtime's device, which is there by now

const random = createRandom(1); // the same numbers every time
const normal = (count, scale) => Float32Array.from({ length: count }, () => scale * random.gaussian());
const data = normal(256 * 32, 1);
let w = normal(32 * 16, 0.2);

for (let step = 0; step <= steps; step++) {
  const views = [0, 1].map(() => data.map((x) => x + 0.7 * random.gaussian()));
  const encode = (x) =>
    session.run({ X: new ort.Tensor('float32', x, [256, 32]), W: new ort.Tensor('float32', w, [32, 16]) });
  const [{ Z: z0 }, { Z: z1 }] = [await encode(views[0]), await encode(views[1])];
  const { loss, gradients } = await g.ntXent(z0, z1, { temperature: 0.2, gradients: true });
  const dw = g.engine.scope(() => {
    const dz = gradients.map(({ gpuBuffer, dims }) => g.engine.fromBuffer(gpuBuffer, dims));
    const [a, b] = views.map((x, i) => matmul(g.engine.tensor(x, [256, 32]), dz[i], { transposeA: true }));
    return add(a, b); // X0' dZ0 + X1' dZ1
  });
  const slope = await dw.data();
  w = w.map((value, i) => value - 0.5 * slope[i]);
  if (step % 20 === 0 || step === steps) console.log(`step ${step}: loss ${(await loss.getData())[0].toFixed(3)}`);
  for (const one of [z0, z1, loss, ...gradients, dw]) one.dispose();
}
process.exit(); // the runtime's device would keep Node alive
