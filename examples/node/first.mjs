// Trains an encoder without labels: two noisy views of a sample shall be closer than views of different samples.
// node first.mjs 200 takes 200 steps.
import { createEngine, ntXent } from 'gramian';
import { createRandom, linear, rectifier, sequential } from 'gramian/nn';
import { adamW } from 'gramian/optim';

const [samples, inputs, features] = [256, 32, 16];
const steps = Number(process.argv[2] ?? 60);
const engine = await createEngine();
console.log(engine.info.note);

const random = createRandom(1); // the same numbers every time
const data = Float32Array.from({ length: samples * inputs }, () => random.gaussian());
const noisy = () =>
  engine.tensor(
    data.map((x) => x + 0.7 * random.gaussian()),
    [samples, inputs],
  );

const encoder = sequential({
  first: linear(engine, random, inputs, 64, { bias: true }),
  relu: rectifier(),
  second: linear(engine, random, 64, features),
});
const optimizer = adamW(encoder.parameters, { learningRate: 3e-3 });

for (let step = 0; step <= steps; step++) {
  // What a step makes on the GPU is freed at its end, but for what it returns.
  const loss = engine.scope(() => {
    const loss = ntXent(encoder.forward(noisy(), true), encoder.forward(noisy(), true), { temperature: 0.2 });
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    return loss;
  });
  if (step % 20 === 0 || step === steps) console.log(`step ${step}: loss ${(await loss.item()).toFixed(3)}`);
  loss.dispose();
}
engine.destroy();
