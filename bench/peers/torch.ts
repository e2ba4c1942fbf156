// PyTorch on the CPU: what somebody without a GPU would take instead. It computes in processes of its own, one after another,
// each idle while anybody else's turn is on.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Contender, Entry, Open, Work } from '../contender.ts';
import { DERIVATIVES } from './derivatives.ts';
import { FORMULAS } from './formulas.ts';

const LIBRARY = 'PyTorch';
/** Its times differ from process to process, with where memory comes to lie and what of it is in huge pages. */
const PROCESSES = 3;

/** What a Python says about the package. */
const ASK = 'import torch; torch.frombuffer; print(torch.__version__)';

let python: Promise<string> | null = null;

/** The Python to start: `GRAMIAN_PYTHON`, or the first of the usual ones that has the package. Throws one sentence. */
function findPython(): Promise<string> {
  python ??= (async () => {
    const { GRAMIAN_PYTHON } = process.env;
    const candidates = GRAMIAN_PYTHON ? [GRAMIAN_PYTHON] : ['/usr/bin/python3', 'python3', 'python'];
    for (const candidate of candidates) if (await has(candidate)) return candidate;
    throw new Error(
      `no torch (1.10 or newer) in ${candidates.join(', ')}${GRAMIAN_PYTHON ? '' : '; GRAMIAN_PYTHON=PATH names another Python'}`,
    );
  })();
  return python;
}

function has(candidate: string): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(candidate, ['-c', ASK], { timeout: 60_000 }, (error) => resolve(error === null));
  });
}

/** Rejects with the reason where there is nothing to compare with. */
export async function available(): Promise<void> {
  await findPython();
}

/** torch_peer.py, beside this file's source. */
function program(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  return [here, join(here, '..')].map((folder) => join(folder, 'torch_peer.py')).find(existsSync) ?? 'torch_peer.py';
}

interface Answer {
  readonly error?: string;
  readonly ms?: number;
  readonly outputs?: readonly [name: string, length: number][];
  readonly version?: string;
  readonly blas?: string;
}

/** A Python that answers one request after another. */
class Child {
  private readonly child: ChildProcess;
  private chunks: Buffer[] = [];
  private trouble = '';
  private ended = false;
  private wake: () => void = () => {};

  constructor(command: string, threads: number) {
    const count = String(threads);
    this.child = spawn(command, [program(), count], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // Threads that wait for work must not take a core from whoever's turn it is.
      env: { OMP_WAIT_POLICY: 'passive', ...process.env, OMP_NUM_THREADS: count, OPENBLAS_NUM_THREADS: count },
    });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.wake();
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.trouble = `${this.trouble}${chunk}`.slice(-2000);
    });
    for (const event of ['error', 'close'])
      this.child.on(event, (why: unknown) => {
        if (why instanceof Error) this.trouble = why.message;
        this.ended = true;
        this.wake();
      });
    this.child.stdin?.on('error', () => {}); // it has ended: said where its answer is awaited
  }

  async ask(request: object, bytes: readonly ArrayBufferView[] = []): Promise<Answer> {
    const { stdin } = this.child;
    stdin?.write(`${JSON.stringify(request)}\n`);
    for (const { buffer, byteOffset, byteLength } of bytes)
      if (stdin?.write(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)) === false)
        await Promise.race([once(stdin, 'drain'), once(this.child, 'close')]);
    return this.answer();
  }

  async answer(): Promise<Answer> {
    const line = await this.taken((all) => all.indexOf(10) + 1);
    const answer = JSON.parse(line.toString('utf8')) as Answer;
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  async floats(count: number): Promise<Float32Array> {
    const bytes = await this.taken((all) => (all.length >= 4 * count ? 4 * count : 0));
    return new Float32Array(Uint8Array.from(bytes).buffer);
  }

  /** What came, up to where `length` says; more is awaited while it says 0. */
  private async taken(length: (all: Buffer) => number): Promise<Buffer> {
    for (;;) {
      const all = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
      const end = length(all);
      if (end > 0) {
        this.chunks = [all.subarray(end)];
        return all.subarray(0, end);
      }
      this.chunks = [all];
      if (this.ended)
        throw new Error(`${LIBRARY} ended: ${this.trouble.trim().split('\n').at(-1) || 'it said nothing'}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  end(): void {
    this.child.stdin?.end();
    this.child.kill();
  }
}

export interface Processes {
  readonly children: readonly Child[];
  readonly threads: number;
  readonly version: string;
  readonly blas: string;
  end(): void;
}

export async function startProcesses(count: number): Promise<Processes> {
  const command = await findPython();
  const threads = availableParallelism();
  const children = Array.from({ length: count }, () => new Child(command, threads));
  const end = (): void => {
    for (const child of children) child.end();
  };
  try {
    const [{ version = '', blas = '' }] = await Promise.all(children.map((child) => child.answer()));
    return { children, threads, version, blas, end };
  } catch (error) {
    end();
    throw error;
  }
}

/** Sets the work up in each of these processes, in place of what they had before; they end with it. */
export async function openIn(processes: Processes, work: Work, form: Contender['form']): Promise<Contender> {
  const { children, threads, version, blas, end } = processes;
  try {
    const inputs = Object.entries(work.inputs);
    const request = {
      do: 'open',
      form,
      name: work.name,
      options: work.options,
      differentiated: work.differentiated,
      inputs: inputs.map(([name, { shape }]) => [name, shape]),
      labels: work.labels?.length ?? 0,
    };
    const bytes = [...inputs.map(([, { data }]) => data), ...(work.labels ? [work.labels] : [])];
    for (const child of children) await child.ask(request, bytes);
    let own = 0;
    let current = 0;
    return {
      library: LIBRARY,
      version,
      form,
      elsewhere: [`${threads} threads of the CPU`, blas, `${children.length} processes`].filter(Boolean).join(', '),
      run: async () => {
        own = (await children[current].ask({ do: 'run' })).ms ?? 0;
      },
      took: () => own,
      rest: async () => {
        await children[current].ask({ do: 'rest' });
        current = (current + 1) % children.length;
      },
      read: async () => {
        const data: [string, Float32Array][] = [];
        const { outputs = [] } = await children[current].ask({ do: 'read' });
        for (const [name, length] of outputs) data.push([name, await children[current].floats(length)]);
        return Object.fromEntries(data);
      },
      dispose: end,
    };
  } catch (error) {
    end();
    throw error;
  }
}

/** Fresh processes for each work: what one leaves in an allocator is none of the next one's. */
const open = async (work: Work, form: Contender['form']): Promise<Contender> =>
  openIn(await startProcesses(PROCESSES), work, form);

/** torch_training.py has it. */
const STEP = 'simCLRStep';

const autodiff: Open = async (work) => (FORMULAS[work.name] || work.name === STEP ? open(work, 'autodiff') : null);

/** A product has no gradient here: it is the same call in both forms. */
const handDerived: Open = async (work) =>
  (DERIVATIVES[work.name] && work.name !== 'matmul') || work.name === STEP ? open(work, 'hand-derived') : null;

export const contenders: readonly Entry[] = [
  { library: LIBRARY, form: 'autodiff', open: autodiff },
  { library: LIBRARY, form: 'hand-derived', open: handDerived },
];
