// Trains an encoder that ONNX Runtime runs, Z = X W: its loss, and the gradient of Z, by gramian; W's by the chain rule.
// node first.mjs 200 takes 200 steps.
import './webgpu.mjs'; // in a browser: not needed, nor the next line
import './sharedMemory.mjs';
import { add, matmul, mul, sum } from 'gramian';
import { createRandom } from 'gramian/nn';
import { adamW } from 'gramian/optim';
import { attach } from 'gramian/ort';
import * as ort from 'onnxruntime-web/webgpu';

const [samples, inputs, features] = [256, 32, 16];
const steps = Number(process.argv[2] ?? 60);
const model = // yours comes from a file; this one multiplies [256, 32] by [32, 16]
  'CAhCBAoAEBE6XQoRCgFYCgFXEgFaIgZNYXRNdWwSB2VuY29kZXJaFAoBWBIPCg0IARIJCgMIgAIKAgggWhMKAVcSDgoMCAESCAoCCCAKAggQYhQKAVoSDwoNCAESCQoDCIACCgIIEA==';
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(
  Uint8Array.from(atob(model), (c) => c.charCodeAt(0)),
  {
    executionProviders: ['webgpu'],
    preferredOutputLocation: 'gpu-buffer',
  },
);
const g = await attach(ort); // on the runtime's device, which is there by now
const { engine } = g;

const random = createRandom(1); // the same numbers every time
const normal = (count, scale) => Float32Array.from({ length: count }, () => scale * random.gaussian());
const data = normal(samples * inputs, 1);
const noisy = () =>
  engine.tensor(
    data.map((x) => x + 0.7 * random.gaussian()),
    [samples, inputs],
  );
const w = engine.tensor(normal(inputs * features, 0.2), [inputs, features], { requiresGrad: true });
const optimizer = adamW({ w }, { learningRate: 3e-2 });
const shared = ({ buffer, shape }) => ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims: [...shape] });

for (let step = 0; step <= steps; step++) {
  const [x0, x1] = [noisy(), noisy()];
  const [{ Z: z0 }, { Z: z1 }] = [
    await session.run({ X: shared(x0), W: shared(w) }),
    await session.run({ X: shared(x1), W: shared(w) }),
  ];
  const { loss, gradients } = await g.ntXent(z0, z1, { temperature: 0.2, gradients: true });
  engine.scope(() => {
    const [dz0, dz1] = gradients.map(({ gpuBuffer, dims }) => engine.fromBuffer(gpuBuffer, dims));
    add(sum(mul(matmul(x0, w), dz0)), sum(mul(matmul(x1, w), dz1))).backward(); // dW = X0' dZ0 + X1' dZ1
    optimizer.step();
    optimizer.zeroGrad();
  });
  if (step % 20 === 0 || step === steps) console.log(`step ${step}: loss ${(await loss.getData())[0].toFixed(3)}`);
  for (const one of [x0, x1, z0, z1, loss, ...gradients]) one.dispose();
}
g.destroy();
process.exit(); // the runtime's device would keep Node alive
