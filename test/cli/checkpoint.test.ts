// What keeps a run's work safe: its checkpoints, and what may differ when it goes on. No GPU.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  CHECKPOINT,
  type Checkpoint,
  loadCheckpoint,
  PREVIOUS,
  restore,
  saveCheckpoint,
} from '../../src/cli/checkpoint.ts';
import { commandOf } from '../../src/cli/command.ts';
import { checkedSettings, completeConfig, type RunConfig, reducedBy } from '../../src/cli/config.ts';
import { refuseSeveralProcesses } from '../../src/cli/launcher.ts';
import type { Progress } from '../../src/cli/progressRecord.ts';
import { continuedConfig, refuseOtherImages } from '../../src/cli/resume.ts';
import { isTime, paceOption } from '../../src/cli/schedule.ts';
import { createRandom } from '../../src/core/random.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { readSafetensors, writeSafetensors } from '../../src/data/safetensors.ts';
import { GramianError } from '../../src/gpu/errors.ts';
import { sentence } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'gramian-checkpoint-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fresh = (name: string): string => {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  return path;
};

const config = completeConfig({ data: 'letters', method: 'moco', options: { queue: 64 } }, false, {
  count: 10,
  channels: 1,
});
const progressAt = (step: number): Progress => ({
  config,
  trainedOn: {
    ...{ source: 'letters', channels: 1, height: 12, width: 12, mean: [0.1], deviation: [0.3] },
    ...{ preprocessing: 'none', images: 10, classes: ['a', 'b'], hash: 'abc' },
  },
  step,
  loss: Array.from({ length: step }, (_, i) => ({ step: i, epoch: Number.NaN, loss: 1 / 3 + i, learningRate: 0.5 })),
  raw: { knn: 0.5, probe: Number.NaN },
  untrained: { knn: 0.25, probe: Number.NaN },
  history: [{ epoch: 1, knn: 0.5 }],
  warnings: ['none'],
  seconds: 1.5,
  choices: { adapter: 'a', edition: 'e', options: { q: 'o' } },
});

/** As much of a tensor as a checkpoint wants. */
const tensorOf = (...numbers: number[]): Tensor =>
  ({ shape: [numbers.length], data: async () => Float32Array.from(numbers) }) as unknown as Tensor;

describe('saving', () => {
  test('the newest and the one before, and nothing half written', async () => {
    const directory = fresh('saves');
    for (let step = 1; step <= 3; step++) {
      await saveCheckpoint(directory, { 'a.b': tensorOf(step, 2) }, progressAt(step));
      expect(readdirSync(directory).sort()).toEqual(step === 1 ? [CHECKPOINT] : [PREVIOUS, CHECKPOINT]);
    }
    // A crash between its two renames leaves one file under both names.
    rmSync(join(directory, PREVIOUS));
    writeFileSync(join(directory, `${PREVIOUS}.tmp`), 'half');
    await saveCheckpoint(directory, { 'a.b': tensorOf(4, 2) }, progressAt(4));
    const newest = await loadCheckpoint('x:', directory);
    expect(newest.progress).toEqual({ ...progressAt(4), loss: newest.progress.loss });
    expect(newest.progress.loss.map(({ loss }) => loss)).toEqual([0, 1, 2, 3].map((i) => Math.fround(1 / 3 + i)));
    expect([...newest.tensors.keys()]).toEqual(['a.b']);
    expect((await loadCheckpoint('x:', join(directory, PREVIOUS))).progress.step).toBe(3);
    expect(readdirSync(directory).sort()).toEqual([PREVIOUS, CHECKPOINT]);
    // Without the newest, the one before stands for the run.
    rmSync(join(directory, CHECKPOINT));
    expect((await loadCheckpoint('x:', join(directory, CHECKPOINT))).progress.step).toBe(3);
  });

  test('numbers that are not finite, and a disk that is full, leave the older one whole', async () => {
    const directory = fresh('full');
    const path = await saveCheckpoint(directory, { w: tensorOf(1) }, progressAt(1));
    const before = readFileSync(path);
    expect(await sentence(() => saveCheckpoint(directory, { w: tensorOf(Number.NaN) }, progressAt(2)))).toBe(
      'train: w is not finite after step 2, expected numbers.',
    );
    if (existsSync('/dev/full')) {
      symlinkSync('/dev/full', `${path}.tmp`);
      expect(await sentence(() => saveCheckpoint(directory, { w: tensorOf(2) }, progressAt(2)))).toMatch(
        /^train: .*checkpoint\.safetensors cannot be written \(ENOSPC: the disk is full\), expected room for \d+ bytes\.$/,
      );
    }
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(directory)).toEqual([CHECKPOINT]);
  });

  test('a file with any byte changed, cut off or put in is refused in a sentence', async () => {
    const directory = fresh('mutants');
    const path = await saveCheckpoint(directory, { w: tensorOf(1, 2, 3), v: tensorOf(4) }, progressAt(2));
    const whole = readFileSync(path);
    const good = JSON.stringify(await contents(path));
    const random = createRandom(5);
    let refused = 0;
    for (let round = 0; round < 400; round++) {
      const at = round % 3 === 0 ? random.below(24) : random.below(whole.length);
      const [head, tail] = [whole.subarray(0, at), whole.subarray(at)];
      const bytes = [
        Buffer.concat([head, Buffer.of((whole[at] + 1 + random.below(255)) % 256), tail.subarray(1)]),
        Buffer.concat([head, Buffer.of((whole[at] ^ (1 << random.below(8))) & 255), tail.subarray(1)]),
        Buffer.concat([head, tail.subarray(1 + random.below(5))]),
        Buffer.concat([head, Buffer.of(random.below(256)), tail]),
        head,
      ][round % 5];
      writeFileSync(path, bytes);
      let found: string;
      try {
        found = JSON.stringify(await contents(path));
      } catch (error) {
        expect(error).toBeInstanceOf(GramianError);
        expect((error as Error).message).toMatch(/^x: .* is damaged or no checkpoint of gramian train: [^\n]*\.$/);
        refused++;
        continue;
      }
      expect(found).toBe(good); // a blank in the header, say
    }
    expect(refused).toBeGreaterThan(300);
  });

  const contents = async (path: string) => {
    const { tensors, progress } = await loadCheckpoint('x:', path);
    return [progress, [...tensors].map(([name, { shape, data }]) => [name, shape, [...data]])];
  };

  const old = (change: (state: Record<string, unknown>) => void): Uint8Array => {
    const { trainedOn: _, ...state } = structuredClone(progressAt(1)) as Partial<Progress>;
    const { size: __, ...settings } = config;
    const loss = state.loss?.map((point) => ({ ...point, epoch: 0.5 }));
    const mutable: Record<string, unknown> = { ...state, loss, config: { ...settings } };
    change(mutable);
    return writeSafetensors(
      { w: { dtype: 'F32', shape: [1], data: Float32Array.of(7) } },
      { gramian: JSON.stringify(mutable) },
    );
  };

  test.each<[wrong: string, change: (state: Record<string, unknown>) => void, said: string]>([
    ['no step', (state) => delete state.step, 'its training state has no proper step.'],
    ['a step that is text', (state) => Object.assign(state, { step: '3' }), 'no proper step.'],
    ['a list for scores', (state) => Object.assign(state, { raw: [] }), 'no proper raw.'],
    ['losses that are none', (state) => Object.assign(state, { loss: [null] }), 'no proper loss.'],
    ['no settings', (state) => delete state.config, 'its training state holds no object of settings'],
    ['settings of another type', (state) => Object.assign(state.config as object, { batch: '32' }), 'has batch = "32"'],
    [
      'a method that is none',
      (state) => Object.assign(state.config as object, { method: 'toString' }),
      'has method = "toString"',
    ],
    ['choices that are none', (state) => Object.assign(state, { choices: 3 }), 'no proper choices.'],
    [
      'a newer format',
      (state) => Object.assign(state, { format: 9, trainedOn: progressAt(1).trainedOn }),
      'of format 9, expected at most 2',
    ],
    [
      'a lost checksum',
      (state) => Object.assign(state, { format: 2, trainedOn: progressAt(1).trainedOn }),
      'it has lost its checksum.',
    ],
  ])('metadata with %s', async (_, change, said) => {
    const path = join(fresh('metadata'), 'odd.safetensors');
    writeFileSync(path, old(change));
    expect(await sentence(() => loadCheckpoint('train: --resume', path))).toContain(said);
  });

  test('a checkpoint of version 0.1.0 loads; what it does not say is at its default', async () => {
    const path = join(fresh('old'), CHECKPOINT);
    writeFileSync(
      path,
      old(() => {}),
    );
    const { progress, tensors } = await loadCheckpoint('x:', path);
    expect(progress).toMatchObject({ trainedOn: null, step: 1, config: { ...config, size: 0 } });
    expect(tensors.get('w')?.data).toEqual(Float32Array.of(7));
    expect(await sentence(() => restore('x', { v: tensorOf(1) }, tensors))).toContain('x lacks v, expected');
    expect(await sentence(() => restore('x', { w: tensorOf(1, 2) }, tensors))).toContain(
      'has w as F32 [1], expected F32 [2].',
    );
    expect(await sentence(() => readSafetensors('text' as never))).toContain(
      'the file is "text", expected a Uint8Array.',
    );
  });
});

test('when it is time to save', () => {
  const [twenty, minutes, none] = [paceOption('20'), paceOption('5m'), null];
  expect([twenty, paceOption('30s'), minutes, paceOption('0.5s')]).toEqual([
    { steps: 20 },
    { seconds: 30 },
    { seconds: 300 },
    { seconds: 0.5 },
  ]);
  // After so many steps, so many seconds since the last time, at the end of an epoch or not.
  const times: [pace: typeof none | typeof twenty, step: number, seconds: number, endsEpoch: boolean, due: boolean][] =
    [
      [none, 7, 119, false, false],
      [none, 7, 121, false, true],
      [none, 7, 9, true, false],
      [none, 7, 11, true, true],
      [twenty, 40, 0, false, true],
      [twenty, 41, 1e6, true, false],
      [minutes, 40, 299, true, false],
      [minutes, 41, 300, false, true],
    ];
  for (const [pace, step, seconds, endsEpoch, due] of times) expect(isTime(pace, step, seconds, endsEpoch)).toBe(due);
  for (const text of ['0', '-1', '1.5', '10x', '', 's', 'often', '0m', '1e3'])
    expect(() => paceOption(text)).toThrow(
      `train: --checkpoint-every ${text}, expected a number of steps such as 200, or a time`,
    );
});

describe('settings', () => {
  const saved = { path: 'c', tensors: new Map(), progress: progressAt(1) } satisfies Checkpoint;

  test.each<[asked: Partial<RunConfig>, said: string]>([
    [{ batch: 64 }, '--batch 64 (there 256)'],
    [
      { method: 'byol', seed: 3 },
      '--method "byol" (there "moco"), --seed 3 (there 0), expected the same; only --epochs (more)',
    ],
    [{ options: { queue: 32 } }, '--option queue 32 (there 64)'],
    [{ options: { momentum: 0.9 } }, '--option momentum 0.9 (there its default)'],
    [{ epochs: 13 }, '--epochs 13, expected 14 as it was begun with, or more.'],
    [{ size: 64 }, '--size 64 (there 12)'],
  ])('a run that goes on refuses %j', async (asked, said) => {
    expect(await sentence(() => continuedConfig(saved, asked))).toContain(said);
  });

  test('a run that goes on takes more epochs, what it has anyway, and the same images elsewhere', async () => {
    const asked = { epochs: 20, data: 'copy', batch: 256, options: { queue: 64 }, size: 12 };
    expect(continuedConfig(saved, asked)).toEqual({ ...config, epochs: 20, data: 'copy' });
    refuseOtherImages(saved, 'copy', { source: '', hash: 'abc' });
    expect(await sentence(() => refuseOtherImages(saved, 'copy', { source: '', hash: 'abd' }))).toContain(
      'train: the images or labels of copy are not those that c was trained on, expected the same;',
    );
    const older = { ...saved, progress: { ...saved.progress, trainedOn: null } };
    expect(await sentence(() => refuseOtherImages(older, 'copy', { source: '', hash: '' }))).toContain(
      'expected letters; c is of an older version',
    );
  });

  test.each<[settings: unknown, said: string]>([
    [{ batch: '32' }, 'x has batch = "32", expected an integer in [2, 65536].'],
    [{ epochs: 1.5 }, 'x has epochs = 1.5, expected an integer in [1, 100000].'],
    [{ cached: 'false' }, 'x has cached = "false", expected true or false.'],
    [{ optimizer: 'adam' }, 'x has optimizer = "adam", expected adamW, sgd, lars, lars-inside.'],
    [{ limit: null }, 'x has limit = null, expected an integer in [0, 1000000000].'],
    [{ data: 3 }, 'x has data = 3, expected letters, or a directory.'],
    [{ options: [1] }, 'x has options = [1], expected an object with the options of the method.'],
    [
      { options: { width: 4 } },
      'x has the option width, expected an option of the method itself; the setting width has the same meaning.',
    ],
    [{ metod: 'moco' }, 'x has "metod", expected method, data, epochs,'],
    [[], 'x holds no object of settings'],
  ])('a file with %j is refused', async (settings, said) => {
    expect(await sentence(() => checkedSettings('x', settings))).toContain(said);
  });

  test('smaller defaults are for the letters on a slow adapter alone, and are said', () => {
    const facts = { count: 100, channels: 1 };
    const [letters, own] = ['letters', 'own'].map((data) => completeConfig({ data, epochs: 9 }, true, facts));
    expect(letters).toMatchObject({ epochs: 9, batch: 64, width: 8, features: 128, limit: 5200 });
    expect(own).toEqual(completeConfig({ data: 'own', epochs: 9 }, false, facts));
    expect(reducedBy({ data: 'letters', epochs: 9, limit: 0 }, true)).toBe('--batch 64 --width 8 --features 128');
    for (const [data, small] of [
      ['own', true],
      ['letters', false],
    ] as const)
      expect(reducedBy({ data }, small)).toBeNull();
  });

  test('a report prints every setting that its run had, as a shell reads it', () => {
    const odd = {
      ...config,
      data: "it's here",
      cached: true,
      accumulate: 4,
      options: { pool: 'mean', clusters: [4, 6], of: '3' },
    };
    expect(commandOf(odd)).toBe(
      "gramian train --method moco --batch 256 --seed 0 --width 16 --features 256 --limit 0 --optimizer adamW --learning-rate 0.003 --weight-decay 0.0001 --epochs 14 --augmentation letters --data 'it'\\''s here' --accumulate 4 --cached --option pool=mean --option 'clusters=[4,6]' --option 'of=\"3\"'",
    );
  });

  test('one of several processes is refused', async () => {
    for (const [variable, launcher] of [
      ['OMPI_COMM_WORLD_SIZE', 'mpirun'],
      ['MV2_COMM_WORLD_SIZE', 'mpirun'],
      ['PMI_SIZE', 'mpirun'],
      ['SLURM_STEP_NUM_TASKS', 'srun'],
    ])
      expect(await sentence(() => refuseSeveralProcesses({ [variable]: '2' }))).toBe(
        `train: 2 processes were started by ${launcher}, expected one; gramian does not train together yet.`,
      );
    const step = { SLURM_STEP_ID: '0', SLURM_NTASKS: '3', SLURM_PROCID: '0' };
    expect(await sentence(() => refuseSeveralProcesses(step))).toContain(
      'train: 3 processes were started by srun, exp',
    );
    expect(await sentence(() => refuseSeveralProcesses({ SLURM_PROCID: '1' }))).toContain(
      'train: process 1 of several',
    );
    refuseSeveralProcesses({ PMI_SIZE: '1', SLURM_NTASKS: '8' });
    refuseSeveralProcesses({ ...step, SLURM_STEP_NUM_TASKS: '1' });
    refuseSeveralProcesses({ ...step, SLURM_STEP_ID: '4294967290' }); // the shell of salloc
  });
});
