// What recording a step saves: the same work eagerly and replayed, turn by turn in one process. JavaScript is the time
// until the step has been submitted, in microseconds; wall is the time until the GPU has done it. `npm run bench:recorded`.
import { createEngine, type Engine, ntXent, type Tensor } from '../src/index.ts';
import { simCLR } from '../src/methods/simclr.ts';
import { adamW } from '../src/optim/adamW.ts';

const TURNS = 200;

interface Step {
  readonly name: string;
  readonly eager: () => void;
  readonly recorded: () => void;
  readonly dispose: () => void;
}

/** Numbers that look random, the same at every run. */
function waves(engine: Engine, shape: number[], phase: number, requiresGrad = false): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = Float32Array.from({ length: size }, (_, i) => Math.sin(i * i + phase));
  return engine.tensor(data, shape, { requiresGrad });
}

function contrast(engine: Engine, rows: number, d: number): Step {
  const views = [0, 0.5].map((phase) => waves(engine, [rows / 2, d], phase, true));
  const fn = (z0: Tensor, z1: Tensor) => {
    const loss = ntXent(z0, z1);
    loss.backward();
    return [loss, z0.grad as Tensor, z1.grad as Tensor];
  };
  const step = engine.recorded(fn);
  return {
    name: `NT-Xent, loss and gradient, ${rows} rows x ${d}`,
    eager: () => {
      engine.scope(() => void fn(views[0], views[1]));
      for (const view of views) view.zeroGrad();
    },
    recorded: () => engine.scope(() => void step(views[0], views[1])),
    dispose: () => {
      step.dispose();
      for (const view of views) view.dispose();
    },
  };
}

function training(engine: Engine, size: number, batch: number, width: number): Step {
  const method = simCLR(engine, { channels: 1, size, seed: 1, width, features: 32, hidden: 32, projection: 16 });
  const optimizer = adamW(method.parameters);
  const views = waves(engine, [2 * batch, 1, size, size], 0);
  const indices = Int32Array.from({ length: batch }, (_, i) => i);
  const fn = (x: Tensor) => {
    const loss = method.loss({ views: x, indices }, { step: 0, epochSteps: 1, totalSteps: 1 });
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    return loss;
  };
  const step = engine.recorded(fn);
  return {
    name: `SimCLR training step, ${batch} images of ${size} x ${size}, width ${width}`,
    eager: () => engine.scope(() => void fn(views)),
    recorded: () => engine.scope(() => void step(views)),
    dispose: () => {
      step.dispose();
      optimizer.dispose();
      for (const tensor of [views, ...Object.values(method.parameters), ...Object.values(method.buffers)])
        tensor.dispose();
    },
  };
}

function median(list: number[]): number {
  return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
}

const engine = await createEngine();
console.log(`${engine.info.description}; ${TURNS} turns, min / median\n`);
console.log('| step | launches | JavaScript, eager | recorded | | wall ms, eager | recorded | |');
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
for (const make of [
  ...[64, 128, 256, 512].map((rows) => () => contrast(engine, rows, 32)),
  () => training(engine, 8, 8, 4),
  () => training(engine, 16, 32, 8),
]) {
  const step = make();
  const times: Record<'eager' | 'recorded', { script: number[]; wall: number[] }> = {
    eager: { script: [], wall: [] },
    recorded: { script: [], wall: [] },
  };
  let launches = 0;
  for (let turn = -TURNS / 4; turn < TURNS; turn++)
    for (const how of ['eager', 'recorded'] as const) {
      const [begun, before] = [performance.now(), engine.launches];
      step[how]();
      engine.flush();
      const submitted = performance.now();
      await engine.sync();
      launches = engine.launches - before;
      if (turn < 0) continue; // warming up
      times[how].script.push(1000 * (submitted - begun));
      times[how].wall.push(performance.now() - begun);
    }
  const cells = (['script', 'wall'] as const).flatMap((kind) => {
    const [a, b] = [times.eager[kind], times.recorded[kind]];
    const say = (list: number[]) =>
      [Math.min(...list), median(list)].map((value) => value.toFixed(kind === 'wall' ? 2 : 0)).join(' / ');
    return [say(a), say(b), `${(median(a) / median(b)).toFixed(2)} x`];
  });
  console.log(`| ${[step.name, launches, ...cells].join(' | ')} |`);
  step.dispose();
}
engine.destroy();
