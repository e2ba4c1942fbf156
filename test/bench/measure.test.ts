import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import type { Contender, Entry } from '../../bench/contender.ts';
import { isMemory, measure } from '../../bench/measure.ts';
import { type DeviceWatch, type Interfaces, watchDevices } from '../../bench/observe.ts';
import { untilQuiet } from '../../bench/quiet.node.ts';
import { boundOf } from '../../bench/results.ts';
import { workOf } from '../../bench/works/index.ts';
import { caseOf, environment, roofline } from './samples.ts';

const observer: DeviceWatch = {
  devices: [],
  takeErrors: () => [],
  count: async (run) => {
    await run();
    return { dispatches: 3, submits: 1, peakBytes: 4096 };
  },
  passTimes: async (run) => {
    await run();
    return [500_000];
  },
  gpuTime: async (run) => {
    await run();
    return 0.5;
  },
};

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

  test('another process tells its own time, rests behind its turns, and nothing of it is counted', async () => {
    const heard: string[] = [];
    const far = entry('far', async () => ({
      ...fake(right, heard, 'far'),
      elsewhere: 'two threads',
      took: () => 7,
      rest: async () => void heard.push('rest'),
    }));
    const [row] = await measure(work, [far], { repeats: 8, seconds: 60 }, around);
    expect(row).toMatchObject({ status: 'ok', first: 7, min: 7, median: 7, detail: 'two threads' });
    expect(row).toMatchObject({ dispatches: null, submits: null, peakBytes: null, gpu: null });
    const turn = [...Array(5).fill('far'), 'rest'];
    expect(heard).toEqual(['far', 'rest', ...turn, ...turn, 'far gone']);
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
    'Requested 5368709120 bytes, which exceeds what there is',
  ])('%s is about memory', (message) => expect(isMemory(message)).toBe(true));
  test.each([
    'Kernel "sumGrad" not found',
    'the number of iterations exceeds 100',
    'rank 7 exceeds 6',
    'Dispatch workgroup count X (70000) exceeds max compute workgroups per dimension (65535)',
    'the error is larger than the tolerance',
  ])('%s is not', (message) => expect(isMemory(message)).toBe(false));
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
