// Moves two sets of points until each is closest to its own partner.
// The address with ?steps=200 takes 200 steps.
import { createEngine, ntXent } from 'gramian';
import { createRandom } from 'gramian/nn';
import { sgd } from 'gramian/optim';

const said = document.getElementById('said');
const [samples, features] = [256, 16];
const steps = Number(new URLSearchParams(location.search).get('steps') ?? 100);
try {
  const engine = await createEngine();
  said.textContent = `${engine.info.note}\n`;

  const random = createRandom(1); // the same numbers every time
  const normal = () => Float32Array.from({ length: samples * features }, () => random.gaussian());
  const points = engine.tensor(normal(), [samples, features], { requiresGrad: true });
  const others = engine.tensor(normal(), [samples, features], { requiresGrad: true });
  const optimizer = sgd({ points, others }, { learningRate: 30 });

  for (let step = 0; step <= steps; step++) {
    // What a step makes on the GPU is freed at its end, but for what it returns.
    const loss = engine.scope(() => {
      const loss = ntXent(points, others, { temperature: 0.2 });
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      return loss;
    });
    if (step % 10 === 0 || step === steps) said.textContent += `step ${step}: loss ${(await loss.item()).toFixed(3)}\n`;
    loss.dispose();
  }
} catch (error) {
  said.textContent = error.message; // one sentence: no WebGPU here, say
}
