import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Contender, Entry } from '../../bench/contender.ts';
import { browserName } from '../../bench/host.browser.ts';
import { isMemory, measure } from '../../bench/measure.ts';
import { type DeviceWatch, type Interfaces, millisecondsOf, watchDevices } from '../../bench/observe.ts';
import { setUp } from '../../bench/ours.ts';
import { prove } from '../../bench/proof.ts';
import { untilQuiet } from '../../bench/quiet.node.ts';
import { renderBenchReport } from '../../bench/report/write.ts';
import { boundOf, COLUMNS, CSV_HEADER, fromCsv, type Row, type Session, toCsv, toText } from '../../bench/results.ts';
import { askedSizes, checkAxes, chooseCases, parseSizes } from '../../bench/run.ts';
import { quantile, summarise } from '../../bench/statistics.ts';
import { CASES, type Case, type Size, workOf } from '../../bench/works/index.ts';
import type { Engine } from '../../src/index.ts';
import * as gramian from '../../src/index.ts';
import { besideText, newest, readmeText } from '../../tools/figure.ts';
import { sharedEngine } from '../engine.ts';

const caseOf = (name: string): Case => CASES.find((each) => each.name === name) as Case;

const environment = {
  date: '2026-11-25T03:00:00',
  commit: 'abc1234',
  adapter: 'an adapter',
  driver: 'a driver, "quoted"',
  runtime: 'node 20',
  profile: 'default' as const,
  tune: 'cached' as const,
};
const roofline = {
  flops: 1e12,
  bandwidth: 1e11,
  exps: 1e10,
  dispatch: 0.001,
  submit: 0.1,
  flopsF16: null,
  matrix: null,
};
const observer: DeviceWatch = {
  devices: [],
  takeErrors: () => [],
  count: async (run) => {
    await run();
    return { dispatches: 3, submits: 1, peakBytes: 4096 };
  },
  gpuTime: async (run) => {
    await run();
    return 0.5;
  },
};

describe('statistics', () => {
  test('quartiles lie between neighbours', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([1, 2, 3, 4, 5], 0.25)).toBe(2);
    expect(summarise([5, 1, 3, 2, 4])).toEqual({ runs: 5, min: 1, median: 3, spread: 2 / 3 });
    expect(summarise([7])).toEqual({ runs: 1, min: 7, median: 7, spread: 0 });
  });

  test('timestamps that are too coarse are no time', () => {
    expect(millisecondsOf([65536, 0])).toBeNull();
    expect(millisecondsOf([40 * 65536])).toBeCloseTo(2.62144);
    expect(millisecondsOf([1500, 500])).toBe(0.002);
    expect(millisecondsOf([-1])).toBeNull();
    expect(millisecondsOf([])).toBeNull();
  });
});

// No adapter here has fragments, but Dawn's null backend compiles what they need; it is another instance of Dawn.
const COMPILE = `
import { create } from 'webgpu';
import * as kernels from './bench/rooflineKernels.ts';
const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
const adapter = await gpu.requestAdapter();
const device = await adapter.requestDevice({
  requiredFeatures: ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'],
});
const width = adapter.info.subgroupMaxSize;
const shape = (component, result, m, n, k) => ({ component, result, m, n, k });
const texts = [
  kernels.subgroupMatrix(shape('f16', 'f32', 16, 16, 16), width),
  kernels.subgroupMatrix(shape('f16', 'f16', 8, 16, 16), width),
  kernels.subgroupMatrix(shape('f32', 'f32', 8, 8, 8), width),
  kernels.fmaChains('f16', { chains: 8, unroll: 4 }),
  kernels.exp2Chains({ chains: 2, unroll: 2 }),
  kernels.COPY,
  kernels.NOTHING,
];
const said = [];
for (const code of texts) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  said.push((await device.popErrorScope())?.message ?? 'ok');
}
console.log(JSON.stringify(said));
process.exit();`;

test('the kernels of the roofline compile, fragments included', async () => {
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const args = ['--import', 'tsx', '--input-type=module', '--eval', COMPILE];
  const said = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, args, { cwd }, (error, out) => (error ? reject(error) : resolve(out)));
  });
  expect(JSON.parse(said.trim().split('\n').at(-1) ?? '')).toEqual(Array(7).fill('ok'));
});

describe('works', () => {
  test('names are the exports of the package, and every op and loss is there', () => {
    const names = CASES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const functions = Object.entries(gramian).filter(
      ([name, value]) => typeof value === 'function' && /^[a-z]/.test(name),
    );
    const elsewhere = ['createEngine', 'standardWork', 'reshape', 'cast']; // no ops; reshape and cast compute nothing
    expect([...names].sort()).toEqual(
      functions
        .map(([name]) => name)
        .filter((name) => !elsewhere.includes(name))
        .sort(),
    );
  });

  test('operations are those of the cost model', () => {
    expect(caseOf('ntXent').flops({ n: 512, d: 128 })).toBe(3 * 512 ** 2 * 128);
    expect(caseOf('ntXent').flops({ n: 2048, d: 128 })).toBe(4 * 2048 ** 2 * 128);
    expect(caseOf('barlowTwins').flops({ n: 256, d: 8192 })).toBe(6 * 256 ** 2 * 8192);
    expect(caseOf('barlowTwins').flops({ n: 512, d: 64 })).toBe(6 * 512 * 64 ** 2);
    expect(caseOf('sinkhorn').bytes({ n: 1024, k: 3000 })).toBe(20 * 1024 * 3000);
    expect(caseOf('matmul').flops({ m: 2, n: 3, k: 5 })).toBe(60);
  });

  test.each(CASES.map((of) => [of.name, of] as const))('%s grows with its size', (_, of) => {
    for (const cost of [of.flops, of.bytes, of.exps ?? (() => 0)]) {
      const small = cost(of.quick);
      const large = cost(Object.fromEntries(Object.entries(of.quick).map(([axis, extent]) => [axis, 2 * extent])));
      expect(small).toBeGreaterThanOrEqual(0);
      expect(large).toBeGreaterThanOrEqual(2 * small);
    }
    for (const size of [...of.sizes, of.quick]) expect(Object.keys(size).sort()).toEqual([...of.axes].sort());
  });

  test('inputs are the same every time', () => {
    const [first, second] = [0, 1].map(() => workOf(caseOf('swav'), { n: 8, k: 6, d: 4 }).inputs);
    expect(first).toEqual(second);
  });

  // Sizes at which some entries are compared, against the complete references.
  const SAMPLED: [string, Size][] = [
    ['ntXent', { n: 512, d: 8 }],
    ['supCon', { n: 512, d: 8 }],
    ['clip', { n: 400, d: 8 }],
    ['infoNCE', { n: 60, k: 300, d: 8 }],
    ['mocoV3', { n: 60, d: 8 }],
    ['barlowTwins', { n: 40, d: 1000 }],
    ['vicReg', { n: 40, d: 1000 }],
    ['swav', { n: 400, k: 400, d: 8 }],
    ['matmul', { m: 200, n: 120, k: 9 }],
  ];
  test.each(SAMPLED)('%s: the entries computed apart are those of the reference', (name, size) => {
    const work = workOf(caseOf(name), size);
    const whole = work.reference();
    const expected = work.expected?.() ?? {};
    expect(Object.keys(expected).sort()).toEqual(Object.keys(whole).sort());
    const { error, refusal } = prove({ ...work, tolerance: 1e-9 }, expected, whole);
    expect(refusal).toBeNull();
    expect(error).toBeLessThan(1e-9);
    expect(Object.values(expected).some(({ at }) => at !== undefined)).toBe(true);
  });

  let engine: Engine;
  beforeAll(async () => {
    engine = await sharedEngine();
  });
  const tiny = (of: Case): Size =>
    Object.fromEntries(of.axes.map((axis, i) => [axis, Math.min(of.quick[axis], [24, 16, 8][i])]));
  test.each(CASES.map((of) => [of.name, of] as const))("%s: the package's own contender is right", async (_, of) => {
    const work = workOf(of, tiny(of));
    const contender = setUp(engine, work);
    await contender.run();
    await contender.run();
    const { error, refusal } = prove(work, work.expected?.() ?? {}, await contender.read());
    contender.dispose();
    expect(refusal).toBeNull();
    expect(error).toBeLessThan(2e-5);
  });
});

/** A contender that answers what it is told to. */
function fake(answer: Awaited<ReturnType<Contender['read']>>, seen: string[], name: string): Contender {
  return {
    library: name,
    version: '1',
    form: 'naive',
    run: async () => void seen.push(name),
    read: async () => answer,
    dispose: () => void seen.push(`${name} gone`),
  };
}

const entry = (library: string, open: Entry['open']): Entry => ({ library, form: 'naive', open });

describe('measure', () => {
  const work = workOf(caseOf('clip'), { n: 6, d: 4 });
  const right = Object.fromEntries(
    Object.entries(work.reference()).map(([name, values]) => [name, Float32Array.from(values)]),
  );
  const seen: string[] = [];
  const opening = (library: string, answer: typeof right) => entry(library, async () => fake(answer, seen, library));
  const around = { environment, observer, roofline, say: () => {}, stop: () => false };
  const spoiled = (name: string, by: number) => ({
    ...right,
    [name]: right[name].map((x, i) => (i === 3 ? x + by : x)),
  });

  test('what is wrong is refused with its reason and never timed; the rest is timed in turns', async () => {
    const entries = [
      opening('right', right),
      opening('off', spoiled('d_a', 0.01)),
      opening('not a number', spoiled('d_b', Number.NaN)),
      opening('short', { value: right.value, d_a: right.d_a }),
      entry('cannot', async () => null),
      entry('too large', async () => {
        throw new RangeError('Binding size (268435456) is larger than the maximum binding size (134217728)');
      }),
      entry('broken', async () => {
        throw new Error('no such function');
      }),
      opening('also right', right),
    ];
    seen.length = 0;
    const rows = await measure(work, entries, { repeats: 8, seconds: 60 }, around);
    const by = Object.fromEntries(rows.map((row) => [row.library, row]));
    expect(rows.map(({ status }) => status)).toEqual([
      'ok',
      'wrong',
      'wrong',
      'wrong',
      'unsupported',
      'out of memory',
      'failed',
      'ok',
    ]);
    expect(by.off.detail).toMatch(/^clip: d_a\[3\] = \S+, expected \S+ within /);
    expect(by.off.error).toBeGreaterThan(1e-4);
    expect(by['not a number'].error).toBe(Number.POSITIVE_INFINITY);
    expect(by.short.detail).toBe('clip: d_b has no numbers, expected 24');
    for (const { library, status, median, runs } of rows)
      if (status !== 'ok') expect([library, median, runs]).toEqual([library, null, 0]);
    expect(by.right).toMatchObject({ runs: 8, dispatches: 3, submits: 1, peakBytes: 4096, gpu: 0.5, size: 'n=6 d=4' });
    expect(by.right.gflops).toBeCloseTo(work.flops / (by.right.median as number) / 1e6, 6);
    expect(by.right.share).toBeCloseTo(boundOf(work, roofline) / (by.right.median as number), 9);
    for (const library of ['off', 'not a number', 'short'])
      expect(seen.filter((name) => name === library)).toHaveLength(1);
    // After the first run of each: turns of one that is not timed and four that are, another one first in each round.
    const turns = seen.filter((name) => name.endsWith('right')).slice(2, 2 + 20);
    expect(turns.map((name) => name[0]).join('')).toBe('rrrrraaaaaaaaaarrrrr');
    expect(seen.filter((name) => name.endsWith('gone'))).toHaveLength(5);
  });

  test('a device error that nobody caught is a failure, whatever the numbers', async () => {
    let errors = ['GPUOutOfMemoryError: cannot make a buffer'];
    const silent = { ...observer, takeErrors: () => errors.splice(0) };
    const failing = entry('quiet', async () => {
      errors = ['GPUOutOfMemoryError: cannot make a buffer'];
      return fake(right, seen, 'quiet');
    });
    const [row] = await measure(work, [failing], { repeats: 2, seconds: 1 }, { ...around, observer: silent });
    expect(row).toMatchObject({ status: 'out of memory', median: null });
  });

  test('stopping keeps what was timed', async () => {
    let rounds = 0;
    const stopping = {
      ...around,
      stop: () => rounds > 2,
      say: (text: string) => {
        rounds += Number(/round/.test(text));
      },
    };
    const [row] = await measure(work, [opening('right', right)], { repeats: 50, seconds: 60 }, stopping);
    expect(row.status).toBe('ok');
    expect(row.runs).toBe(8); // of two rounds
  });

  test.each([
    'Binding size (5) is larger than 4',
    'buffer size exceeds the limit',
    'OutOfMemoryError: matmul',
    'Failed: out of memory',
  ])('%s is about memory', (message) => expect(isMemory(message)).toBe(true));
  test('other errors are not', () => expect(isMemory('Kernel "sumGrad" not found')).toBe(false));
});

/** WebGPU as far as the observer sees it. */
function pretendGPU() {
  class GPUBuffer {
    readonly mapState = 'unmapped';
    readonly size: number;
    constructor(size: number) {
      this.size = size;
    }
    destroy(): void {}
  }
  class GPUComputePassEncoder {
    setBindGroup(_index: number, _group: object): void {}
    dispatchWorkgroups(): void {}
    dispatchWorkgroupsIndirect(): void {}
  }
  class GPUCommandEncoder {
    beginComputePass(): GPUComputePassEncoder {
      return new GPUComputePassEncoder();
    }
    copyBufferToBuffer(..._values: unknown[]): void {}
  }
  class GPUQueue {
    submit(): void {}
    writeBuffer(..._values: unknown[]): void {}
  }
  class GPUDevice {
    readonly queue = new GPUQueue();
    readonly features = new Set<string>();
    readonly listeners: ((event: object) => void)[] = [];
    createBuffer({ size }: { size: number }): GPUBuffer {
      return new GPUBuffer(size);
    }
    createBindGroup(_descriptor: object): object {
      return {};
    }
    createCommandEncoder(): GPUCommandEncoder {
      return new GPUCommandEncoder();
    }
    addEventListener(_type: string, listener: (event: object) => void): void {
      this.listeners.push(listener);
    }
  }
  const asked: string[][] = [];
  class GPUAdapter {
    readonly features = new Set(['timestamp-query']);
    async requestDevice(descriptor?: { requiredFeatures?: string[] }): Promise<GPUDevice> {
      asked.push(descriptor?.requiredFeatures ?? []);
      return new GPUDevice();
    }
  }
  const interfaces = { GPUAdapter, GPUDevice, GPUBuffer, GPUQueue, GPUCommandEncoder, GPUComputePassEncoder };
  return { asked, GPUAdapter, interfaces: interfaces as unknown as Interfaces };
}

describe('observe', () => {
  test('counts what one run uses, not what idles in a pool', async () => {
    const { asked, GPUAdapter, interfaces } = pretendGPU();
    const watching = watchDevices(interfaces);
    const device = await new GPUAdapter().requestDevice();
    expect(asked).toEqual([['timestamp-query']]);
    const [input, idle] = [1000, 50_000].map((size) => device.createBuffer({ size }));
    const before = device.createBindGroup({ entries: [{ binding: 0, resource: { buffer: input } }] });
    const run = async (): Promise<void> => {
      const pass = device.createCommandEncoder().beginComputePass();
      const scratch = device.createBuffer({ size: 300 });
      scratch.destroy();
      const output = device.createBuffer({ size: 20 });
      pass.setBindGroup(0, before);
      pass.setBindGroup(0, device.createBindGroup({ entries: [{ binding: 0, resource: output }] }));
      pass.dispatchWorkgroups();
      pass.dispatchWorkgroupsIndirect();
      device.queue.submit();
    };
    await run();
    expect(await watching.count(run)).toEqual({ dispatches: 2, submits: 1, peakBytes: 1300 });
    idle.destroy();
    expect(watching.devices).toHaveLength(1);
  });

  test('keeps errors that nobody caught until they are taken', async () => {
    const { GPUAdapter, interfaces } = pretendGPU();
    const watching = watchDevices(interfaces);
    const device = await new GPUAdapter().requestDevice({ requiredFeatures: ['timestamp-query'] });
    class GPUValidationError {
      readonly message = 'no\nmore';
    }
    for (const listen of device.listeners) listen({ error: new GPUValidationError() });
    expect(watching.takeErrors()).toEqual(['GPUValidationError: no']);
    expect(watching.takeErrors()).toEqual([]);
  });
});

const row: Row = {
  ...environment,
  case: 'ntXent',
  size: 'n=512 d=128',
  library: 'gramian',
  version: '0.1.0',
  form: 'fused',
  status: 'ok',
  runs: 20,
  min: 9,
  median: 10,
  spread: 0.05,
  first: 1000,
  gpu: null,
  gflops: 10,
  gbps: 1,
  share: 0.5,
  dispatches: 10,
  submits: 1,
  peakBytes: 2e6,
  error: 1.25e-6,
  detail: '',
};
const peer: Row = { ...row, library: 'other', form: 'autodiff', median: 65, min: 60 };
const lost: Row = {
  ...peer,
  form: 'hand-derived',
  status: 'out of memory',
  runs: 0,
  min: null,
  median: null,
  spread: null,
  first: null,
  gflops: null,
  gbps: null,
  share: null,
  dispatches: null,
  submits: null,
  peakBytes: null,
  error: null,
  detail: 'a "binding",\nof 268 MB',
};

describe('results', () => {
  test('a CSV file gives back its rows', () => {
    expect(fromCsv(CSV_HEADER + toCsv([row, peer]) + toCsv([lost]))).toEqual([row, peer, lost]);
    expect(CSV_HEADER.trim().split(',')).toEqual([...COLUMNS]);
    expect([...COLUMNS].sort()).toEqual(Object.keys(row).sort());
  });

  test('the table names the ratio to ours, and why there is no time', () => {
    const text = toText([row, peer, lost]);
    expect(text).toMatch(/^ntXent n=512 d=128\n {2}gramian +10\.00 ms/);
    expect(text).toMatch(/other, autodiff +65\.00 ms .* 6\.50 x/);
    expect(text).toContain('other, hand-derived                out of memory: a "binding"');
  });

  test('the report holds every row, the adapter and the script', () => {
    const sessions: Session[] = [{ environment, roofline, rows: [row, peer, lost] }];
    const html = renderBenchReport(sessions, 'start()');
    for (const text of [
      'an adapter, a driver, &quot;quoted&quot;',
      'commit abc1234',
      '6.50 x',
      'out of memory',
      'start()',
    ])
      expect(html).toContain(text);
    const json = /id="report-data">(.*?)<\/script>/s.exec(html)?.[1] ?? '';
    expect(JSON.parse(json)).toEqual({ sessions });
  });

  test('README gets the newest rows of the adapter that was measured last', () => {
    const later = { ...row, date: '2026-11-26T03:00:00' };
    const other = { ...row, date: '2026-11-24T03:00:00', adapter: 'another' };
    const large = { ...later, size: 'n=2048 d=128', median: 1234 };
    const old = { ...peer, median: 1 }; // of a run before: no ratio to it
    const beside = { ...peer, date: later.date };
    const chosen = newest(
      [other, row, old, { ...later, median: 5 }, beside, large, { ...row, case: 'clip' }],
      'ntXent',
    );
    expect(chosen.map(({ size, median, adapter }) => [size, median, adapter])).toEqual([
      ['n=512 d=128', 5, 'an adapter'],
      ['n=512 d=128', 65, 'an adapter'],
      ['n=2048 d=128', 1234, 'an adapter'],
    ]);
    expect(() => newest([row], 'swav')).toThrow('figure: bench/results.csv has no row of swav');
    const text = readmeText([...chosen, lost], 'ntXent');
    expect(text).toContain('| | gramian 0.1.0 | other, autodiff 0.1.0 |');
    expect(text).toContain('| n=512 d=128 | 5.00 ms | 65.0 ms (13.0 x) |');
    expect(text).toContain('| n=2048 d=128 | 1,234 ms |  |');
  });

  test('README names the fastest other library of each other work, in either form', () => {
    const of = (more: Partial<Row>): Row => ({ ...row, case: 'clip', ...more });
    const other = (more: Partial<Row>): Row => ({ ...peer, case: 'clip', ...more });
    const rows = [
      of({ median: 8, peakBytes: 2e6 }),
      other({ library: 'slow', median: 80 }),
      other({ library: 'quick', median: 32, peakBytes: 5e6 }),
      other({ library: 'slow', form: 'hand-derived', status: 'out of memory', median: null }),
      of({ size: 'n=2048 d=128', median: 1 }), // nobody beside
      { ...row, case: 'add' },
    ];
    const text = besideText([row, peer, ...rows], 'ntXent');
    expect(text).toContain('\n| `clip`, n=512 d=128 | 8.00 ms, 2.00 MB | quick: 4.0 x, 5.00 MB |  |');
    expect(text).not.toContain('`ntXent`');
    expect(text).not.toContain('`add`');
  });

  test('browsers are called by their own names', () => {
    const chrome = 'Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36';
    expect(browserName(chrome)).toBe('Chrome 143');
    expect(browserName(`${chrome} Edg/143.0`)).toBe('Edg 143');
    expect(browserName('Mozilla/5.0 (Mac) AppleWebKit/605 (KHTML) Version/26.1 Safari/605')).toBe('Safari 26');
    expect(browserName('lynx')).toBe('lynx');
  });
});

describe('before runs are timed', () => {
  test('other threads of the process are waited for', async () => {
    const busy = 'const end = performance.now() + 1500; while (performance.now() < end);';
    const worker = new Worker(busy, { eval: true });
    let ended = false;
    worker.on('exit', () => {
      ended = true;
    });
    await new Promise((resolve) => worker.on('online', resolve));
    await untilQuiet(() => false);
    expect(ended).toBe(true);
  });

  test('but not once the user has stopped it', async () => {
    const began = performance.now();
    await untilQuiet(() => true);
    expect(performance.now() - began).toBeLessThan(150);
  });
});

describe('sizes', () => {
  test('asked extents take the place of the case s own', () => {
    const asked = parseSizes(['n=512,2048 d=64', 'k=3']);
    expect(asked).toEqual({ n: [512, 2048], d: [64], k: [3] });
    expect(askedSizes(caseOf('clip'), asked, false)).toEqual([
      { n: 512, d: 64 },
      { n: 2048, d: 64 },
    ]);
    expect(askedSizes(caseOf('clip'), {}, true)).toEqual([caseOf('clip').quick]);
  });

  test.each<[() => unknown, string]>([
    [() => parseSizes(['n=5.5']), 'bench: --sizes n=5.5, expected an axis and its extents'],
    [() => parseSizes(['512']), 'bench: --sizes 512, expected an axis and its extents'],
    [() => chooseCases(['ntxent']), 'bench: --cases ntxent, expected all or some of ntXent, '],
    [
      () => checkAxes([caseOf('clip')], { q: [2] }),
      'bench: --sizes q=..., expected an axis of the chosen cases: n, d.',
    ],
    [() => askedSizes(caseOf('ntXent'), { n: [513] }, false), 'bench: ntXent has n = 513, expected a multiple of 2.'],
  ])('%s is refused', (ask, sentence) => expect(ask).toThrow(sentence));
});

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe('gramian bench', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gramian-bench-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
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
    [['--cases', 'simclr'], 'bench: --cases simclr, expected all or some of '],
    [['--sizes', 'n=0'], 'bench: --sizes n=0, expected an axis and its extents'],
    [['--sizes', 'z=8'], 'bench: --sizes z=..., expected an axis of the chosen cases'],
    [['--adapters', 'fast'], 'bench: --adapters fast, expected auto, hardware, system, lavapipe, swiftshader.'],
    [['--peers', 'torch'], 'bench: --peers torch, expected all, none or naive, tfjs, jax-js, ort.'],
    [['--profile', 'fast'], 'bench: --profile fast, expected default or native.'],
    [['--tune', 'yes'], 'bench: --tune yes, expected off, cached or full.'],
    [['--repeats', '0'], 'bench: --repeats 0, expected an integer in [1, 10000].'],
  ])('%j is refused in one sentence', async (args, sentence) => {
    const { code, err } = await start(args);
    expect(err).toContain(sentence);
    expect(err).not.toContain('    at ');
    expect(code).toBe(1);
  });

  test('a tiny case gives a table, rows in the file, and a report', async () => {
    const size = ['--sizes', 'n=32', 'd=8', 'm=16', 'k=8', '--repeats', '3'];
    const files = ['--csv', 'rows.csv', '--report', 'report.html', '--json', 'results.json'];
    const cases = ['--cases', 'ntXent', 'matmul'];
    const { code, out, err } = await start([...cases, ...size, ...files]);
    expect(err).toContain('adapter: ');
    expect(err).toMatch(/roofline: [\d.,]+ GFLOP\/s, /);
    expect(code).toBe(0);
    expect(out).toMatch(/ntXent n=32 d=8\n {2}gramian .* ms/);
    const { sessions } = JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8')) as { sessions: Session[] };
    const rows = fromCsv(readFileSync(join(folder, 'rows.csv'), 'utf8'));
    expect(rows.map((each) => [each.case, each.size, each.status, each.runs])).toEqual([
      ['ntXent', 'n=32 d=8', 'ok', 3],
      ['matmul', 'm=16 n=32 k=8', 'ok', 3],
    ]);
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
