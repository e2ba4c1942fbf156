// A process for each first loss and gradient.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GramianError } from '../src/gpu/errors.ts';
import { openAdapter } from '../src/gpu/platform.node.ts';
import { type Cache, type ColdAnswer, type ColdRow, coldRow } from './cold.ts';
import type { Contender } from './contender.ts';
import { environmentOf, loadPeer, type PinName, preloadPeer } from './host.node.ts';
import { isMemory } from './measure.ts';
import { contenders as ours, type Tune } from './ours.ts';
import { prove } from './proof.ts';
import { sizeText } from './results.ts';
import { type Case, type Size, workOf } from './works/index.ts';

/** What one process is asked to do. */
export interface ColdTask {
  readonly work: string;
  readonly size: Size;
  /** Where it comes from: a name of `PEERS`; ours where there is none. */
  readonly peer?: string;
  readonly library: string;
  readonly form: Contender['form'];
  readonly tune: Tune;
}

/** In the fresh process: the clock starts when all JavaScript is loaded, and nothing of WebGPU is. */
export async function answerCold(task: ColdTask, of: Case): Promise<ColdAnswer> {
  const { size, peer, library, form, tune } = task;
  const work = workOf(of, size);
  const entries = peer ? await loadPeer(peer) : ours(tune);
  if (typeof entries === 'string') throw new GramianError(`bench: ${entries}.`);
  const entry = entries.find((each) => each.library === library && each.form === form);
  if (peer) await preloadPeer(peer);
  let contender: Contender | null = null;
  let answer: Omit<ColdAnswer, 'environment' | 'version'>;
  try {
    const began = performance.now();
    contender = (await entry?.open(work)) ?? null;
    const opened = performance.now() - began;
    await contender?.run();
    const ms = performance.now() - began;
    if (!contender) answer = { status: 'unsupported', ms: null, opened: null, error: null, detail: '' };
    else {
      const { error, refusal } = prove(work, work.expected?.() ?? {}, await contender.read());
      answer = { status: refusal ? 'wrong' : 'ok', ms, opened, error, detail: refusal ?? '' };
    }
  } catch (error) {
    const { message } = error as Error;
    const status = isMemory(message, error) ? 'out of memory' : 'failed';
    answer = { status, ms: null, opened: null, error: null, detail: message.split('\n')[0] };
  }
  const { adapter } = await openAdapter({ adapter: 'auto', powerPreference: 'high-performance' });
  return { ...answer, environment: environmentOf(adapter.info, 'default', tune), version: contender?.version ?? '' };
}

/** No compiled kernel is found, and none is kept: Mesa's drivers, and NVIDIA's. */
const EMPTY = { MESA_SHADER_CACHE_DISABLE: 'true', __GL_SHADER_DISK_CACHE: '0' } as const;

/** A folder that this measurement has to itself. */
const filled = (folder: string) => ({
  MESA_SHADER_CACHE_DISABLE: 'false',
  MESA_SHADER_CACHE_DIR: folder,
  __GL_SHADER_DISK_CACHE: '1',
  __GL_SHADER_DISK_CACHE_PATH: folder,
});

export interface ColdPlan {
  readonly pin: PinName;
  readonly repeats: number;
  /** Of all processes of a contender with one state of the cache, after which it gets no more. */
  readonly seconds: number;
  say(text: string): void;
  stop(): boolean;
}

/**
 * One work by every contender, in turns. Those with a filled cache come after a process that fills it; the caches of SwiftShader are
 * empty in every process, as it keeps none.
 */
export async function measureCold(
  of: Case,
  size: Size,
  tasks: readonly Omit<ColdTask, 'work' | 'size'>[],
  plan: ColdPlan,
): Promise<ColdRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'gramian-cold-'));
  const what = `${of.name} ${sizeText(size)}`;
  const all = tasks.flatMap((task, t) =>
    (['empty', 'filled'] as const).map((cache) => {
      const env = cache === 'empty' ? EMPTY : filled(join(folder, String(t)));
      return { task: { ...task, work: of.name, size }, cache: cache as Cache, env, answers: [] as ColdAnswer[] };
    }),
  );
  const ended = ({ answers }: (typeof all)[number]): boolean =>
    answers.some(({ status }) => status !== 'ok') ||
    answers.reduce((sum, { ms }) => sum + (ms ?? 0), 0) > 1000 * plan.seconds;
  try {
    for (let round = 0; round < plan.repeats; round++)
      for (const each of all) {
        const { task, cache, env, answers } = each;
        const { library, form } = task;
        if (plan.stop() || ended(each)) continue;
        if (cache === 'filled' && all.some((other) => other.task.library === library && keepsNone(other.answers)))
          continue;
        plan.say(`${what}: ${library} ${form}, cache ${cache}, round ${round + 1} of ${plan.repeats}`);
        if (cache === 'filled' && round === 0) await ask(task, plan.pin, env);
        answers.push(await ask(task, plan.pin, env));
      }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return all
    .filter(({ answers }) => answers.length > 0)
    .map(({ task, cache, answers }) => {
      const { library, form } = task;
      return coldRow({ case: of.name, size: sizeText(size), library, form, cache }, answers);
    });
}

const keepsNone = (answers: readonly ColdAnswer[]): boolean =>
  answers.some(({ environment }) => /swiftshader/i.test(environment.driver));

const LONGEST_MS = 180_000;
/** For drivers to write what they keep. */
const ENDING_MS = 2000;

/** A process of its own, as this one was started. */
function ask(task: ColdTask, pin: PinName, env: Readonly<Record<string, string>>): Promise<ColdAnswer> {
  return new Promise((resolve) => {
    const args = [...process.execArgv, process.argv[1], 'bench', '--cold-task', JSON.stringify(task)];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env, ...(pin === 'auto' ? {} : { GRAMIAN_ADAPTER: pin }) },
    });
    let [out, err] = ['', ''];
    const kill = (): void => void child.kill('SIGKILL');
    const limit = setTimeout(kill, LONGEST_MS);
    child.stdout.on('data', (text) => {
      out += text;
      // After onnxruntime-web a process ends once V8 has optimised its WebAssembly, which can take minutes.
      if (out.endsWith('\n')) setTimeout(kill, ENDING_MS).unref();
    });
    child.stderr.on('data', (text) => {
      err += text;
    });
    const fail = (detail: string): void => {
      const environment = environmentOf({ device: pin, description: '' } as GPUAdapterInfo, 'default', task.tune);
      resolve({ environment, version: '', status: 'failed', ms: null, opened: null, error: null, detail });
    };
    child.on('error', ({ message }) => fail(message));
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      const line = out.trim().split('\n').at(-1) ?? '';
      if (line.startsWith('{')) resolve(JSON.parse(line) as ColdAnswer);
      else if (signal === 'SIGKILL') fail(`not done after ${LONGEST_MS / 1000} s`);
      else fail(err.trim().split('\n').at(-1) || `its process ended with ${code}`);
    });
  });
}
