// The command as a user runs it: dist/cli.js in processes of its own.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSafetensors } from '../../src/data/safetensors.ts';
import { choicesFile } from '../../src/tuning/choiceCache.ts';
import type { Choices } from '../../src/tuning/choices.ts';
import { kindOf } from '../../src/tuning/costModel.ts';
import { commandFolder, drawIdx } from './command.ts';

const { folder, start } = commandFolder('cli');
// What a run costs besides its steps is the images that it is evaluated on: the shipped letters have 1,794.
drawIdx(join(folder, 'drawn'), 'train', { count: 320 });
drawIdx(join(folder, 'drawn'), 't10k', { count: 96, seed: 2 });
const TINY = [
  '--data',
  'drawn',
  '--epochs',
  '2',
  '--limit',
  '256',
  '--batch',
  '32',
  '--width',
  '4',
  '--features',
  '24',
  '--hidden',
  '16',
  '--projection',
  '8',
];

/** Remembers other choices than the run was begun with: a resumed run must keep to its own. */
function pretendTuned(checkpoint: string): void {
  const { choices } = JSON.parse(readSafetensors(readFileSync(checkpoint)).metadata.gramian) as { choices: Choices };
  const options = Object.keys(choices.options).filter((question) => question.startsWith('pair sweep '));
  expect(options).toEqual(['pair sweep [64, 8]']);
  expect(choices.options[options[0]]).toBe('cached triangle');
  mkdirSync(join(folder, 'cache', 'gramian'), { recursive: true });
  const tuned = { ...choices, options: { [options[0]]: 'panels' } };
  writeFileSync(join(folder, 'cache', 'gramian', choicesFile(choices.adapter)), JSON.stringify(tuned));
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const BAD: [args: string[], sentence: string][] = [
  [
    ['train', '--method', 'moko'],
    'train: --method moko, expected simclr, moco, moco-v1, moco-v3, supcon, swav, cc, pcl,',
  ],
  [['train', '--compare', 'simclr,moko'], 'train: --compare moko, expected simclr, moco,'],
  [['train', '--compare', 'byol,byol'], 'train: --compare byol,byol names a method twice.'],
  [
    ['train', '--study', 'colours'],
    'train: --study colours, expected batch-size, multi-crop, head, labels, variance, attention.',
  ],
  [['train', '--optimizer', 'adam'], 'train: --optimizer adam, expected adamW, sgd, lars, lars-inside.'],
  [['train', '--option', 'queue'], 'train: --option queue, expected NAME=VALUE.'],
  [['train', '--option', 'queue=9'], 'simCLR: unknown option "queue"; it takes channels,'],
  [['train', '--method', 'moco', '--option', 'momentum=high'], 'momentum = "high", expected a n'],
  [['train', '--config', 'nothing.json'], 'train: --config nothing.json cannot be read, expected a JSON file;'],
  [['train', '--config', 'odd.json'], 'train: --config odd.json has "metod", expected method, data, epochs,'],
  [
    ['train', '--batch', '64', '--accumulate', '5'],
    'train: --accumulate 5 does not divide --batch 64, expected a divisor.',
  ],
  [['embed', 'nothing.safetensors'], 'nothing.safetensors cannot be read'],
  [['train', '--epochs', '0'], 'train: --epochs 0, expected an integer in [1, 100000].'],
  [['train', '--epochs', '1.5'], 'train: --epochs 1.5, expected an integer in [1, 100000].'],
  [['train', '--temperature', 'warm'], 'train: --temperature warm, expected a number in [0.0001, 100].'],
  [
    ['train', '--augmentation', 'sepia'],
    'train: --augmentation sepia, expected letters, digits, photos or asymmetric.',
  ],
  [['train', '--epoch', '3'], "error: unknown option '--epoch'"],
  [['train', '--data', '/no/such/folder'], '/no/such/folder'],
  [['train', '--resume', 'nothing.safetensors'], 'train: --resume nothing.safetensors cannot be read'],
  [['train', '--validation', '1'], 'train: --validation 1, expected a number in [0, 0.9].'],
  [['train', '--batch', '60000'], 'training images, expected at least 120000; give a smaller --batch.'],
  [['tune', '--rows', '1'], 'tune: --rows 1, expected an integer in [2, 1048576].'],
  [['tune', '--adapter', 'fast'], 'tune: --adapter fast, expected auto, hardware or software.'],
  [['probe', '--only', 'speed'], 'probe: --only speed, expected peak, tiles, families,'],
  [['probe', '--markdown'], 'probe: --markdown is given without --numerics, expected both'],
  [['probe', '--numerics', '--quick'], 'probe: --numerics is given with --quick, expected one of them.'],
  [['probe', '--numerics', '--json', 'no/such.json'], 'probe: --json no/such.json lies in '],
  [['eval', 'x', '--size', '3'], 'eval: --size 3, expected an integer in [8, 1024].'],
  [['train', '--resume', 'x', '--overwrite'], 'train: --overwrite is given with --resume and without --out, expected'],
  [['train', '--resume', ''], 'train: --resume is empty, expected a value: --resume <file>.'],
  [['bench', '--csv='], 'bench: --csv is empty, expected a value: --csv <file>.'],
  [['embed', ''], 'embed: <checkpoint> is empty, expected its file, or the directory of a run.'],
  [['train', '--config', 'mark.json'], 'train: --config mark.json has "metod", expected method, data, epochs,'],
  [['train', '--data', 'odd.json'], 'openData: odd.json is a file, expected a directory, or the name letters.'],
  [['trian'], "unknown command 'trian'"],
];

writeFileSync(join(folder, 'odd.json'), '{"metod": "moco"}');
writeFileSync(join(folder, 'mark.json'), '\uFEFF{"metod": "moco"}');

describe('bad arguments are named', () => {
  it.each(BAD)('%j', async (args, sentence) => {
    const { code, err } = await start(args);
    expect(err).toContain(sentence);
    expect(err).not.toContain('    at '); // no stack
    expect(code).toBe(1);
  });
});

describe('train', () => {
  it('a run that was interrupted and resumed ends on the same bits as one that was not', async () => {
    const whole = await start(['train', ...TINY, '--out', 'whole']);
    expect(whole.err).toContain('adapter: ');
    expect(whole.code).toBe(0);
    expect(whole.out).toMatch(
      /^k-NN accuracy: raw pixels [\d.]+ %, untrained encoder [\d.]+ %, trained encoder [\d.]+ %; linear probe: raw pixels [\d.]+ %, untrained encoder [\d.]+ %, trained encoder [\d.]+ %$/m,
    );
    expect(readFileSync(join(folder, 'whole', 'report.html'), 'utf8')).toContain('SimCLR on');

    let asked = false;
    const broken = await start(['train', ...TINY, '--out', 'parts'], (err, child) => {
      if (asked || !/^step \d/m.test(err)) return;
      asked = true;
      child.kill('SIGINT');
    });
    expect(broken.code).toBe(130);
    expect(broken.err).toMatch(/stopped at step \d+; saved .*checkpoint\.safetensors/);
    pretendTuned(join(folder, 'parts', 'checkpoint.safetensors'));
    const resumed = await start(['train', '--resume', join('parts', 'checkpoint.safetensors')]);
    expect(resumed.code).toBe(0);
    expect(resumed.out).toBe(whole.out);

    const read = (name: string) => readSafetensors(readFileSync(join(folder, name, 'checkpoint.safetensors')));
    const [first, second] = [read('whole'), read('parts')];
    expect([...second.tensors.keys()]).toEqual([...first.tensors.keys()]);
    for (const [name, { data }] of first.tensors)
      expect(Buffer.from(second.tensors.get(name)!.data.buffer).equals(Buffer.from(data.buffer)), name).toBe(true);
    const losses = (name: string) => JSON.parse(readFileSync(join(folder, name, 'metrics.json'), 'utf8')).losses;
    expect(losses('parts')).toEqual(losses('whole'));
  });
});

describe('validation', () => {
  it('scores on training images that are held out; eval scores on the test images', async () => {
    const { code, err } = await start(['train', ...TINY, '--validation', '0.25', '--out', 'held']);
    expect(err).toContain('240 training and 80 validation images');
    expect(code).toBe(0);
    const chosen = JSON.parse(readFileSync(join(folder, 'held', 'metrics.json'), 'utf8'));
    const tested = await start(['eval', join('held', 'checkpoint.safetensors'), '--json']);
    expect(tested.code).toBe(0);
    expect(JSON.parse(tested.out).knn).not.toBe(chosen.knn);
  });
});

const metrics = (...path: string[]) => JSON.parse(readFileSync(join(folder, ...path, 'metrics.json'), 'utf8'));

describe('every system', () => {
  it('a configuration file says what to train, the command line counts more; embed and eval read the checkpoint', async () => {
    const config = { method: 'cc', batch: 64, epochs: 9, options: { clusters: 7, hidden: 16 } };
    writeFileSync(join(folder, 'cc.json'), JSON.stringify(config));
    const trained = await start([
      'train',
      '--config',
      'cc.json',
      ...TINY.slice(0, 6),
      '--width',
      '4',
      '--features',
      '24',
      '--out',
      'cc',
    ]);
    expect(trained.err).toContain('cc, seed 0: 8 steps of 64;');
    expect(trained.code).toBe(0);
    expect(trained.out).toMatch(/clusters: ACC [\d.]+ % \(k-means on pixels [\d.]+ %\), NMI 0\.\d+, ARI -?0\.\d+\n$/);
    const { config: used, ...scores } = metrics('cc');
    expect(used).toMatchObject({ method: 'cc', batch: 64, epochs: 2, options: { clusters: 7, hidden: 16 } });

    const file = join('cc', 'checkpoint.safetensors');
    const again = await start(['eval', file, '--json', '--corrupted']);
    expect(again.code).toBe(0);
    const { knn, probe, clusters, effectiveRank, corrupted } = JSON.parse(again.out);
    expect(corrupted.knn).toBeLessThan(knn);
    expect(corrupted.probe).toBeGreaterThan(0);
    expect({ knn, probe, clusters, effectiveRank }).toEqual({
      knn: scores.knn,
      probe: scores.probe,
      clusters: scores.clusters,
      effectiveRank: scores.effectiveRank,
    });
    const embedded = await start(['embed', file, '--out', 'cc.npy']);
    expect(embedded.err).toContain('cc.npy: [96, 24]');
    expect(readFileSync(join(folder, 'cc.npy')).subarray(10, 128).toString()).toContain("'shape': (96, 24)");
    expect(statSync(join(folder, 'cc.npy')).size).toBe(128 + 4 * 96 * 24);
  }, 300_000);

  it('a comparison trains each with each seed, writes one report, and goes on where it stopped', async () => {
    const args = ['train', '--compare', 'byol,moco', '--seeds', '2', ...TINY, '--epochs', '1', '--out', 'both'];
    let asked = false;
    const broken = await start(args, (err, child) => {
      if (asked || !/moco, seed 0: 8 steps/.test(err)) return;
      asked = true;
      child.kill('SIGINT');
    });
    expect(broken.code).toBe(130);
    expect(broken.out).toMatch(/^BYOL: k-NN [\d.]+ % ± [\d.]+, linear probe [\d.]+ % ± [\d.]+\n$/);
    const whole = await start(args);
    expect(whole.code).toBe(0);
    expect(whole.err).toContain('byol, seed 0: taken from both/byol-0');
    expect(whole.out).toContain(broken.out);
    expect(whole.out).toMatch(/\nMoCo v2: k-NN [\d.]+ % ± /);
    const { runs, seeds } = JSON.parse(readFileSync(join(folder, 'both', 'results.json'), 'utf8'));
    expect(seeds).toBe(2);
    const knn = [0, 1].map((seed) => metrics('both', `byol-${seed}`).knn);
    expect(runs[0].knn.values).toEqual(knn);
    expect(runs[0].knn.mean).toBeCloseTo((knn[0] + knn[1]) / 2, 12);
    const html = readFileSync(join(folder, 'both', 'report.html'), 'utf8');
    for (const text of ['BYOL: loss', 'MoCo v2: test embeddings', '95 % confidence intervals'])
      expect(html).toContain(text);
  }, 300_000);

  it('accumulated gradients: what they change about the loss is said', async () => {
    const args = ['train', ...TINY, '--epochs', '1', '--accumulate', '4', '--out', 'parts4'];
    const { err, code } = await start(args);
    expect(err).toContain(
      'gradients of 4 parts of 8 images are added up: batch norm sees a part at a time, and the loss is another one, as ' +
        'each row is contrasted with the rows of its own part only',
    );
    expect(code).toBe(0);
  }, 300_000);
});

describe('gramian tune and probe', () => {
  it('tune measures, says each answer, and caches it', async () => {
    const args = ['tune', '--rows', '8', '--columns', '4', '--budget', '4', '--json', 'tune.json'];
    const { code, out } = await start(args);
    expect(code).toBe(0);
    const { measured, finished, place, adapter } = JSON.parse(readFileSync(join(folder, 'tune.json'), 'utf8'));
    const lines = out.trimEnd().split('\n');
    expect(lines.map((line) => line.slice(2).split(':')[0]).slice(0, -1)).toEqual(
      measured.map(({ question }: { question: string }) => question),
    );
    expect(lines.at(-1)).toContain(`${measured.length} questions in `);
    expect(lines.at(-1)?.includes('not all of them')).toBe(!finished);
    expect(kindOf(adapter).name).toMatch(/^(lavapipe|swiftshader|gpu)$/);
    expect(place.startsWith(join(folder, 'cache'))).toBe(true);
    const { options } = JSON.parse(readFileSync(place, 'utf8')) as Choices;
    for (const { question, option } of measured) expect(options[question]).toBe(option);
    // What is cached is not asked again.
    const again = await start(args);
    const more: { question: string }[] = JSON.parse(readFileSync(join(folder, 'tune.json'), 'utf8')).measured;
    for (const { question } of more) expect(options[question]).toBeUndefined();
    if (finished) expect(again.out).toMatch(/^0 questions in /);
  }, 120_000);

  it('probe answers in JSON', async () => {
    const { code, out } = await start(['probe', '--quick', '--only', 'costs']);
    expect(code).toBe(0);
    const { submitAndWait, dispatch, encode } = JSON.parse(out);
    for (const cost of [submitAndWait, dispatch, encode]) expect(cost).toBeGreaterThan(0);
  }, 60_000);
});
