// The process in which mutants run: one device, the test files loaded once. It answers the messages of run.ts.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Device } from '../../src/gpu/device.ts';
import { KernelError } from '../../src/gpu/errors.ts';
import type { KernelPart, KernelSource } from '../../src/gpu/kernel.ts';
import { chosenParts } from '../../src/gpu/link.ts';
import { sharedEngine } from '../../test/engine.ts';
import { textFor } from '../kernelFiles.ts';
import type { Mutant } from './mutate.ts';
import { type Collected, collect } from './vitest.ts';

/** What a test launches under one set of tiles, and how long it takes. */
export interface Known {
  readonly id: string;
  readonly ms: number;
  /** Share of its launches in which a kernel or piece takes part, by file. */
  readonly files: Readonly<Record<string, number>>;
}

export type WorkerRequest =
  | { record: true }
  | { known: readonly Known[] }
  | { mutant: Mutant; tests: readonly string[] };

export type WorkerReply =
  | { known: readonly Known[]; failing: readonly string[]; adapter: string }
  | { ready: true }
  | { result: 'killed' | 'survived' | 'invalid'; by?: string };

/** Tests on the shared device, and on others like it. Left out: those about devices, and about how kernels are chosen. */
const FILES = /watchedEngine|sharedEngine|detectRaces/;
const LEFT_OUT = ['engine/guest.test.ts', 'engine/tuner.test.ts'];
const ONLY = process.env.GRAMIAN_MUTANTS_FILES?.split(' ').map((name) => `${name}.test.ts`);
const RACES = 'races > ';

interface Instance {
  readonly id: string;
  readonly test: Collected;
  readonly tiles: 'software' | 'gpu' | 'none';
}

console.error = () => {}; // the race detector thinks aloud
const root = new URL('../../', import.meta.url);
const engine = await sharedEngine();
const { lowLevel } = engine;
const instances = new Map<string, Instance>();

const folder = new URL('test/', root);
const names = (readdirSync(folder, { recursive: true }) as string[]).map((name) => name.replaceAll('\\', '/')).sort();
for (const name of names.filter((each) => /^(?!needs\/).*\.test\.ts$/.test(each))) {
  const path = fileURLToPath(new URL(name, folder));
  const text = readFileSync(path, 'utf8');
  if (!FILES.test(text) || LEFT_OUT.includes(name) || ONLY?.includes(name) === false) continue;
  const tests = await collect(path, name);
  for (const [number, test] of tests.entries()) {
    const kernel = test.args.find(isKernel);
    // Of the tests of kernels as text, those of the race detector alone run them.
    if (text.includes('detectRaces') && !(kernel && test.name.startsWith(RACES))) continue;
    // The detector runs kernels by itself; everything else runs on the tiles of both kinds of adapter.
    for (const tiles of kernel ? (['none'] as const) : (['software', 'gpu'] as const)) {
      const id = `${name} > ${test.name} (number ${number}, ${tiles})`;
      instances.set(id, { id, test, tiles });
    }
  }
}

function isKernel(value: unknown): value is KernelSource {
  return typeof value === 'object' && value !== null && 'parts' in value && 'tunables' in value;
}

const { live } = lowLevel.pool as unknown as { live: Set<{ alive: boolean; release(): void }> };

async function run({ test, tiles }: Instance, substitute: typeof Device.substitute): Promise<void> {
  (engine.info as { software: boolean }).software = tiles !== 'gpu';
  // Asked for, f32 takes a GPU's lanes and passes everywhere; left alone, a software adapter has kernels of its own.
  (engine.choice as { forced: boolean }).forced = tiles !== 'software';
  await test.prepare();
  const before = new Set(live);
  Device.substitute = substitute;
  try {
    await test.run(test.args.map((arg) => (isKernel(arg) ? substitute(arg) : arg)));
  } catch (error) {
    await cleanUp(before);
    throw error;
  } finally {
    Device.substitute = (kernel) => kernel;
  }
}

/** A test that failed half-way leaves tensors and errors behind. */
async function cleanUp(before: ReadonlySet<unknown>): Promise<void> {
  await lowLevel.queue.idle();
  for (const storage of [...live]) if (!before.has(storage)) while (storage.alive) storage.release();
  for (let i = 0; i < 100; i++)
    try {
      await engine.sync();
      break;
    } catch {
      // one of several; the next call tells the next
    }
}

async function record(): Promise<WorkerReply> {
  const known: Known[] = [];
  const failing: string[] = [];
  for (const instance of instances.values()) {
    const counts = new Map<string, number>();
    let launches = 0;
    const start = performance.now();
    try {
      await run(instance, (kernel, tuning) => {
        launches++;
        for (const { file } of chosenParts(kernel, tuning ?? {})) counts.set(file, (counts.get(file) ?? 0) + 1);
        return kernel;
      });
    } catch (error) {
      failing.push(`${instance.id}: ${(error as Error).message.split('\n')[0]}`);
      continue;
    }
    const files = Object.fromEntries([...counts].map(([file, times]) => [file, times / launches]));
    if (launches > 0) known.push({ id: instance.id, ms: performance.now() - start, files });
  }
  return { known, failing, adapter: engine.info.description };
}

let count = 0;

async function judge(mutant: Mutant, tests: readonly string[]): Promise<WorkerReply> {
  const made = new Map<string, KernelSource>();
  const number = count++;
  const withMistake = (parts: readonly KernelPart[], text: string): readonly KernelPart[] =>
    parts.map((part) => (part.file === mutant.file ? { ...part, text } : part));
  const substitute = (kernel: KernelSource): KernelSource => {
    const swaps = kernel.swaps ?? [];
    if (![kernel, ...swaps].some(({ parts }) => parts.some((part) => part.file === mutant.file))) return kernel;
    // Of a template's kernels some do not have the line.
    const text = textFor(mutant.text, kernel.name);
    if (mutant.line > 0 && !text.split('\n')[mutant.line - 1]?.trim() && mutant.after !== '') return kernel;
    let changed = made.get(kernel.name);
    if (!changed) {
      const parts = withMistake(kernel.parts, text);
      const others = swaps.map((swap) => ({ ...swap, parts: withMistake(swap.parts, text) }));
      changed = { ...kernel, name: `${kernel.name} mutant ${number}`, parts, swaps: others };
      made.set(kernel.name, changed);
    }
    return changed;
  };
  for (const id of tests) {
    const instance = instances.get(id);
    if (!instance) continue;
    try {
      await run(instance, substitute);
    } catch (error) {
      const invalid = error instanceof KernelError || error instanceof SyntaxError || error instanceof RangeError;
      return invalid ? { result: 'invalid' } : { result: 'killed', by: id };
    }
  }
  return { result: 'survived' };
}

const send = (answer: WorkerReply): void => void process.send?.(answer);
process.on('message', async (ask: WorkerRequest) => {
  if ('record' in ask) send(await record());
  else if ('known' in ask) send({ ready: true });
  else send(await judge(ask.mutant, ask.tests));
});
