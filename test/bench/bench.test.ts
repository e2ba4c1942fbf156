// The command as a user runs it.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { loadWorks } from '../../bench/ownWorks.node.ts';
import { fromCsv, type Session } from '../../bench/results.ts';
import type { Engine } from '../../src/index.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe('gramian bench', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gramian-bench-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  // What the page on own kernels shows, in a folder where the package is installed.
  const page = readFileSync(fileURLToPath(new URL('../../docs/own-kernels.md', import.meta.url)), 'utf8');
  const [program, work] = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);
  const modules = {
    'package.json': '{}', // whatever lies in the folders above
    'silu.mjs': `${program.slice(0, program.indexOf('const engine'))}export { silu };`,
    'bench-silu.mjs': work,
    'compared.mjs': `${work}
      const by = (factor) => async ({ inputs: { x } }) => {
        const { value, d_x } = work.make({ n: x.data.length }).reference();
        const outputs = () => ({ value: Float32Array.of(value[0] * factor), d_x: Float32Array.from(d_x) });
        const contender = { library: 'on paper', version: '7', form: 'naive', run: async () => {}, read: async () => outputs() };
        return { ...contender, dispose() { console.error('disposed', factor); } };
      };
      export const contenders = [
        by(1),
        { library: 'one percent', form: 'naive', open: by(1.01) },
        { library: 'nothing', form: 'naive', open: async () => null },
        { library: 'broken', form: 'naive', open: async () => { throw new Error('no such function'); } },
      ];`,
    'none.mjs': 'export const work = 1;',
    'broken.mjs': "throw new Error('here');",
    'odd.mjs': "export const works = [{ name: 'odd' }];",
    'never.mjs': 'await new Promise(() => {});',
    'twice.mjs': work.replace('[work]', '[work, work]'),
    'lines.mjs': work.replace("'silu'", "'si\\nlu'"),
    'beside.mjs': `${work}export const contenders = [3];`,
    'throws.mjs': work.replace('sum(silu(x))', "{ throw new Error('not today'); }"),
  };
  for (const [name, text] of Object.entries(modules)) writeFileSync(join(folder, name), text);
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(fileURLToPath(new URL('../../', import.meta.url)), join(folder, 'node_modules', 'gramian'), 'junction');
  const start = (args: string[], onStdout?: (text: string, child: ChildProcess) => void): Promise<Result> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, [CLI, 'bench', ...args], { cwd: folder });
      let [out, err] = ['', ''];
      child.stdout.on('data', (text) => {
        out += text;
        onStdout?.(out, child);
      });
      child.stderr.on('data', (text) => {
        err += text;
      });
      child.on('close', (code) => resolve({ code, out, err }));
    });

  test.each<[string[], string]>([
    [['--work', 'gone.mjs'], 'bench: --work gone.mjs is not there, expected a module that exports works.'],
    [['--work', 'none.mjs'], 'bench: --work none.mjs exports works = undefined, expected an array of works.'],
    [['--work', 'broken.mjs'], 'bench: --work broken.mjs does not load: here.'],
    [['--work', 'odd.mjs'], 'bench: works[0].flops is missing, expected a function.'],
    [['--work', 'never.mjs'], 'bench: --work never.mjs does not load: an await at its top never ends.'],
    [['--work', 'twice.mjs'], 'bench: works[1].name = "silu", the name of works[0], expected each once.'],
    [['--work', 'lines.mjs'], 'bench: works[0].name = '],
    [
      ['--work', 'beside.mjs'],
      'bench: --work beside.mjs exports contenders = an Array, expected an array of functions',
    ],
    [['--page'], 'bench: --page came without --work, expected it beside one.'],
    [['--page', '--work', 'bench-silu.mjs', '--csv', 'x.csv'], 'bench: --csv came beside --page, expected it without;'],
    [['--page', '--work', 'gone.mjs'], 'bench: --work gone.mjs is not there, expected a module that exports works.'],
    [['--cases', 'simclr'], 'bench: --cases simclr, expected all or some of '],
    [['--sizes', 'n=0'], 'bench: --sizes n=0, expected an axis and its extents'],
    [['--sizes', 'z=8'], 'bench: --sizes z=..., expected an axis of the chosen cases'],
    [['--adapters', 'fast'], 'bench: --adapters fast, expected auto, hardware, system, lavapipe, swiftshader.'],
    [['--peers', 'mlx'], 'bench: --peers mlx, expected all, none or naive, tfjs, jax-js, ort, torch.'],
    [['--profile', 'fast'], 'bench: --profile fast, expected default or native.'],
    [['--tune', 'yes'], 'bench: --tune yes, expected off, cached or full.'],
    [['--repeats', '0'], 'bench: --repeats 0, expected an integer in [1, 10000].'],
  ])('%j is refused in one sentence', async (args, sentence) => {
    const { code, err } = await start(args);
    expect(err).toContain(sentence);
    expect(err).not.toContain('    at ');
    expect(code).toBe(1);
  });

  test("a tiny case and a user's work give a table, rows in the file, and a report", async () => {
    const size = ['--sizes', 'n=32', 'd=8', 'm=16', 'k=8', '--repeats', '3'];
    const files = ['--csv', 'rows.csv', '--report', 'report.html', '--json', 'results.json'];
    const cases = ['--cases', 'ntXent', 'matmul'];
    const { code, out, err } = await start(['--work', 'bench-silu.mjs', ...cases, ...size, ...files]);
    expect(err).toContain('adapter: ');
    expect(err).toMatch(/roofline: [\d.,]+ GFLOP\/s, /);
    expect(code).toBe(0);
    expect(out).toMatch(/ntXent n=32 d=8\n {2}gramian .* ms/);
    const { sessions } = JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8')) as { sessions: Session[] };
    const rows = fromCsv(readFileSync(join(folder, 'rows.csv'), 'utf8'));
    expect(rows.map((each) => [each.case, each.size, each.status, each.runs])).toEqual([
      ['silu', 'n=32', 'ok', 3],
      ['ntXent', 'n=32 d=8', 'ok', 3],
      ['matmul', 'm=16 n=32 k=8', 'ok', 3],
    ]);
    expect(rows[0]).toMatchObject({ library: 'bench-silu', version: '' });
    for (const each of [...rows, ...sessions[0].rows]) {
      for (const value of [each.min, each.median, each.first, each.gflops, each.share])
        expect(value).toBeGreaterThan(0);
      expect(each.dispatches).toBeGreaterThan(0);
      expect(each.peakBytes).toBeGreaterThanOrEqual(4 * 16 * 8);
      expect(each.error).toBeLessThan(1e-5);
      expect(each.adapter).not.toBe('');
    }
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('ntXent: time');
    // Once more into the same file, beside another library. Each start measures a roofline, for seconds.
    const here = fileURLToPath(new URL('../../bench/peers/node_modules/@jax-js', import.meta.url));
    const more = ['--csv', 'rows.csv', '--quick', '--tune', 'off', '--peers', 'jax-js'];
    const beside = await start([...cases, ...size, ...more]);
    if (!existsSync(here))
      expect(beside.err, 'a peer that is not installed is said').toMatch(/jax-js is not (here|installed): /);
    expect(beside.code).toBe(0);
    expect(beside.out).toContain('matmul m=16 n=32 k=8');
    const all = fromCsv(readFileSync(join(folder, 'rows.csv'), 'utf8'));
    expect(all.filter(({ library }) => library === 'gramian')).toHaveLength(4);
  });

  test('what could not be compared with f64 is refused before anything runs', async () => {
    const { works } = await loadWorks(join(folder, 'bench-silu.mjs'), 'off');
    expect(works[0].make({ n: 3 }).reference().d_x).toHaveLength(3);
    const changes: [string, string, string][] = [
      ['d_x };', '};', 'bench: silu.reference returns d_x = undefined, expected numbers in f64'],
      ['value: [', 'value: 3, all: [', 'bench: silu.reference returns value = 3, expected numbers in f64'],
      ["['x']", "['y']", 'bench: silu.differentiated has "y", which is no input.'],
      ['shape: [n]', 'shape: [2 * n]', 'bench: silu.inputs.x.data is a Float32Array'],
      ['const data', 'n.x.y; const data', 'bench: silu.make throws: '],
      ['4 * Math.sin(i)', 'Number.NaN', 'bench: silu.reference returns value[0] = NaN, expected a finite number.'],
      ['differentiated', "tolerance: '1', differentiated", 'bench: silu.tolerance = "1", expected a finite number'],
      ['make({', 'async make({', 'bench: the result of silu.make is a Promise, expected an object.'],
    ];
    for (const [i, [from, to, sentence]] of changes.entries()) {
      expect(work).toContain(from);
      writeFileSync(join(folder, `bad${i}.mjs`), work.replace(from, to));
      const bad = (await loadWorks(join(folder, `bad${i}.mjs`), 'off')).works[0];
      expect(() => bad.make({ n: 3 }).reference()).toThrow(sentence);
    }
    writeFileSync(join(folder, 'later.mjs'), work.replace('run: (', 'run: async ('));
    const [later] = (await loadWorks(join(folder, 'later.mjs'), 'off')).works;
    expect(() => later.run({}, {}, new Int32Array(0), {} as Engine)).toThrow(
      'bench: silu.run returned a Promise, expected a Tensor.',
    );
  });

  test('code to compare with is verified before it is timed, and has rows in the file and the report', async () => {
    const files = ['--csv', 'compared.csv', '--report', 'compared.html'];
    const { code, out, err } = await start(['--work', 'compared.mjs', '--quick', '--repeats', '2', ...files]);
    const rows = fromCsv(readFileSync(join(folder, 'compared.csv'), 'utf8'));
    expect(rows.map(({ library, version, form, status, runs }) => [library, version, form, status, runs])).toEqual([
      ['compared', '', 'fused', 'ok', 2],
      ['on paper', '7', 'naive', 'ok', 2],
      ['one percent', '7', 'naive', 'wrong', 0],
      ['nothing', '', 'naive', 'unsupported', 0],
      ['broken', '', 'naive', 'failed', 0],
    ]);
    expect(rows[1].error).toBeLessThan(1e-6);
    expect(rows[2]).toMatchObject({
      median: null,
      detail: expect.stringMatching(/^silu: value\[0\] = \S+, expected /),
    });
    expect(out).toMatch(/one percent +wrong: silu: value/);
    expect(err.match(/^disposed \S+$/gm)).toEqual(['disposed 1.01', 'disposed 1']);
    expect(code, 'a wrong answer is one, whoever gives it').toBe(1);
    const report = readFileSync(join(folder, 'compared.html'), 'utf8');
    for (const { library } of rows) expect(report).toContain(library);
  });

  test("a user's code that throws ends with 1, and its row says what it threw", async () => {
    const { code, out } = await start(['--work', 'throws.mjs', '--quick']);
    expect(out).toMatch(/throws +failed: not today/);
    expect(code).toBe(1);
  });

  test('Ctrl-C keeps what is measured', async () => {
    let asked = false;
    const args = ['--cases', 'add', 'mul', 'sub', '--sizes', 'n=64', '--repeats', '300', '--csv', 'part.csv'];
    const { code, err } = await start(args, (out, child) => {
      if (asked || !out.includes('add n=64')) return;
      asked = true;
      child.kill('SIGINT');
    });
    expect(err).toContain('stopping after this run');
    expect(code).toBe(0);
    const rows = fromCsv(readFileSync(join(folder, 'part.csv'), 'utf8'));
    expect(rows[0]).toMatchObject({ case: 'add', runs: 300 });
    expect(rows.length).toBeLessThan(3);
  });
});
