import { describe, expect, test } from 'vitest';
import {
  add,
  createEngine,
  mul,
  ntXent,
  type Recorded,
  sum,
  supCon,
  type Tensor,
  UsedAfterDisposeError,
} from '../../src/index.ts';
import { adamW } from '../../src/optim/adamW.ts';
import { sgd } from '../../src/optim/sgd.ts';
import { expectNoneLeft, heldBuffers } from '../held.ts';
import { watchedEngine } from '../watch.ts';
import { free, read, tensorsOn } from './steps.ts';

const engine = watchedEngine();
const { random, pair } = tensorsOn(engine);

describe('is refused', async () => {
  /** Calls the step until it fails; the sentence. */
  function failure(step: (call: number) => unknown, calls = 4): string {
    for (let call = 0; call < calls; call++)
      try {
        engine().scope(() => void step(call));
      } catch (error) {
        return `${call}: ${(error as Error).message}`;
      }
    return 'none';
  }

  const misuse: Record<string, [(x: Tensor, call: () => number) => unknown, string]> = {
    'a number that changes': [
      (x, call) => mul(x, 0.5 + call()),
      '1: recorded: number of multiply was 0.5 and is now 1.5, expected the same at every call; keep it in a tensor that you write(), or in optimizer.learningRate.',
    ],
    'data that change': [
      (x, call) => add(x, engine().tensor([call(), 2])),
      '1: recorded: fn uploads other numbers than at its first call, expected the same; make the tensor outside and pass it as an input.',
    ],
    'labels that change': [
      (x, call) => supCon([x], call() === 0 ? Int32Array.of(1, 1) : Int32Array.of(2, 3)),
      '1: recorded: fn uploads other numbers than at its first call, expected the same; make the tensor outside and pass it as an input.',
    ],
    'work that grows': [
      (x, call) => (call() === 0 ? mul(x, 2) : add(mul(x, 2), x)),
      '1: recorded: launch 1 was none and is now add of 1 workgroups, expected the same work at every call; decide outside of fn.',
    ],
    'a result that is a number': [
      (x) => ({ y: mul(x, 2), learningRate: 0.1 }),
      '0: recorded: fn returned 0.1, expected Tensors, alone or in arrays and plain objects; all else would stay as it is now.',
    ],
    'a Promise': [
      (x) => Promise.resolve(x),
      '0: recorded: fn returned a Promise, expected Tensors, alone or in arrays and plain objects; all else would stay as it is now.',
    ],
    'reading inside': [
      (x) => {
        void x.data();
        return x;
      },
      '0: data: the function is being recorded, so there are no numbers yet; do it outside.',
    ],
    'the buffer inside': [
      (x) => x.buffer && x,
      '0: buffer: the function is being recorded, so there are no numbers yet; do it outside.',
    ],
    'writing inside': [
      (x) => x.write([1, 2]),
      '0: write: the function is being recorded, so there are no numbers yet; do it outside.',
    ],
  };
  test.each(Object.entries(misuse))('%s', async (_, [fn, sentence]) => {
    let call = 0;
    const step = engine().recorded((x: Tensor) => fn(x, () => call));
    const before = await heldBuffers(engine());
    const x = random([2, 1], 1);
    const said = failure((now) => {
      call = now;
      return step(x);
    });
    free(x);
    step.dispose();
    expect(said).toBe(sentence);
    expectNoneLeft(engine(), before);
  });

  test('a learning rate given to step(), which would stay', () => {
    const w = engine().tensor([1], [1], { requiresGrad: true });
    const optimizer = adamW({ w });
    const step = engine().recorded(() => {
      mul(w, 2).backward();
      optimizer.step(0.1);
    });
    expect(failure(() => step())).toBe(
      '0: adamW: learningRate = 0.1 would stay for ever, as the function is being recorded; set optimizer.learningRate outside.',
    );
    expect([optimizer.steps, w.grad]).toEqual([0, null]);
    optimizer.dispose();
    step.dispose();
    free(w);
  });

  test('a step count that ran ahead of work that never ran', () => {
    const w = engine().tensor([1], [1], { requiresGrad: true });
    const optimizer = adamW({ w });
    let factor = 2;
    const step = engine().recorded(() => {
      mul(w, factor).backward();
      optimizer.step();
      optimizer.zeroGrad();
    });
    step();
    factor = 3;
    expect(failure(() => step())).toMatch(/^0: recorded: .* was 2 and is now 3/);
    expect([optimizer.steps, w.grad]).toEqual([1, null]);
    factor = 2;
    step();
    expect(optimizer.steps).toBe(2);
    optimizer.dispose();
    step.dispose();
    free(w);
  });

  test('calls inside of recorded functions, plans and prepare; recursion', () => {
    const inner: Recorded<[Tensor], Tensor> = engine().recorded((x: Tensor) => mul(x, 2));
    const outer = engine().recorded((x: Tensor) => inner(x));
    const again: Recorded<[Tensor], Tensor> = engine().recorded((x: Tensor): Tensor => again(x));
    const sentence =
      '0: recorded: called inside of a function that is recorded, planned, prepared or tuned, expected it outside; call fn itself there.';
    const x = random([2, 2], 1);
    for (const call of [
      () => outer(x),
      () => again(x),
      () => engine().prepare([() => inner(x)]),
      () => engine().plan({ x: [2, 2] }, (inputs) => ({ y: inner(inputs.x) })),
    ])
      expect(failure(call)).toBe(sentence);
    for (const step of [inner, outer, again]) step.dispose();
    free(x);
  });

  test('what is no function, no Tensor, or of another engine', async () => {
    expect(() => engine().recorded(3 as never)).toThrow('recorded: fn is 3, expected a function of Tensors.');
    const step = engine().recorded((x: Tensor) => mul(x, 2));
    expect(() => step([1] as never)).toThrow('recorded: inputs[0] is an Array, expected a Tensor.');
    const other = await createEngine();
    const x = other.tensor([1]);
    expect(() => step(x)).toThrow('recorded: inputs[0] lives on another device.');
    other.destroy();
    const gone = engine().tensor([1]);
    gone.dispose();
    expect(() => step(gone)).toThrow(UsedAfterDisposeError);
    step.dispose();
  });

  test('an input that the step overwrites', async () => {
    const w = engine().tensor([1], [1], { requiresGrad: true });
    const optimizer = sgd({ w }, { learningRate: 1 });
    const step = engine().recorded((x: Tensor) => {
      optimizer.zeroGrad();
      mul(w, x).backward();
      optimizer.step();
      return mul(x, 2);
    });
    const x = engine().tensor([1]);
    const y = step(x);
    expect(() => step(y)).toThrow('recorded: inputs[0] is a result of this step, which overwrites it; copy it first.');
    const same = w.detach();
    expect(() => step(same)).toThrow(
      'recorded: inputs[0] shares its memory with a tensor that fn writes; copy it first.',
    );
    expect([optimizer.steps, w.grad]).toEqual([1, null]);
    const z = engine().tensor([4]);
    expect(await read(step(z))).toEqual([Float32Array.of(8)]);
    expect(await w.grad!.item()).toBe(4);
    free(z);
    optimizer.dispose();
    free(w, x, y, same);
    step.dispose();
  });

  test('a grad that is there when it was not, and one that reaches nobody', () => {
    const w = engine().tensor([1, 2], [2], { requiresGrad: true });
    const step = engine().recorded(() => sum(mul(w, w)).backward());
    expect(failure(() => step())).toBe(
      '1: recorded: the grad of a leaf [2] is there already, expected it as it was when fn was recorded; call zeroGrad() inside of fn.',
    );
    const lost = engine().recorded((z0: Tensor, z1: Tensor) => ntXent(z0, z1).backward());
    const [z0, z1] = pair(3, 2, 1);
    expect(failure(() => lost(z0, z1))).toBe(
      '0: recorded: fn leaves inputs[0] a grad, expected it among the results; return it, or pass a detach()ed input.',
    );
    free(w, z0, z1);
    step.dispose();
    lost.dispose();
  });

  test('a tensor of outside that is disposed or another one', async () => {
    let w = engine().tensor([3]);
    const step = engine().recorded((x: Tensor) => mul(x, w));
    const x = engine().tensor([2]);
    expect(await read(step(x))).toEqual([Float32Array.of(6)]);
    const old = w;
    w = engine().tensor([4]);
    expect(() => step(x)).toThrow(
      /^recorded: \w+ of \w+ is another tensor than at the first call, expected the same; pass it as an input\.$/,
    );
    w.dispose();
    w = old;
    expect(await read(step(x))).toEqual([Float32Array.of(6)]);
    w.write([5]);
    expect(await read(step(x))).toEqual([Float32Array.of(10)]);
    w.dispose();
    expect(() => step(x)).toThrow(/^recorded: \w+ of \w+ was disposed, expected a live Tensor; pass it as an input\.$/);
    free(x);
    step.dispose();
  });

  test('write() of what does not fit', () => {
    const x = engine().tensor([
      [1, 2],
      [3, 4],
    ]);
    x.write([4, 3, 2, 1]);
    expect(() => x.write([1, 2])).toThrow('write: data has 2 numbers, expected 4 for [2, 2].');
    expect(() => x.write([[1, 2, 3, 4]])).toThrow('write: data is [1, 4], expected [2, 2].');
    expect(() => x.write(Int32Array.of(1, 2, 3, 4))).toThrow('write: data holds i32, expected f32.');
    expect(() => x.write('1' as never)).toThrow('write: data is "1", expected Float32Array');
    free(x);
  });
});
