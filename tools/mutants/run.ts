// Mutation run: makes one small mistake at a time in a kernel and asks its tests whether they notice.
//   npm run test:mutants -- [--kernel NAME] [--most N] [--seed N] [--tests N] [--file TEST] [--jobs N]
// NAME is a file of kernels/ without its folder and its .wgsl; --most takes that many mutants of each file (default 8),
// drawn by --seed, the same whichever files are asked for; --tests asks at most that many tests about one mutant (default:
// all that launch the file), --file those of test/TEST.test.ts (as ops/transport) alone; --jobs takes that many files at a time (default 1).
// What launches what is recorded once, and kept in the system's temporary folder until a file of src/ or test/ changes.
// Mutants that no test can tell from the kernel are listed in equivalent.json, by the reason.
import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom } from '../../src/core/random.ts';
import { readTexts } from '../kernelFiles.ts';
import { type Mutant, mutantsOf } from './mutate.ts';
import type { Known, WorkerReply, WorkerRequest } from './worker.ts';

const { values: options } = parseArgs({
  options: {
    kernel: { type: 'string', multiple: true },
    most: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
    tests: { type: 'string', default: 'all' },
    file: { type: 'string', multiple: true },
    jobs: { type: 'string', default: '1' },
  },
});

// A mutant whose loop does not end takes the process with it. Else tests take as long as when they were recorded, and
// what a new kernel takes to compile.
const PATIENCE_MS = 120_000;
const SLOWER = 10;
const root = fileURLToPath(new URL('../../', import.meta.url));

interface Equivalent {
  readonly file: string;
  readonly before: string;
  readonly after: string;
}
/** By why no test can tell the two apart. */
const equivalents: Record<string, Equivalent[]> = JSON.parse(
  readFileSync(join(root, 'tools/mutants/equivalent.json'), 'utf8'),
);

const texts = readTexts(new URL('../../', import.meta.url));
// A caller's text takes the place of pair_expression.
const files = [...texts.keys()].filter((file) => !file.endsWith('/pair_expression.wgsl'));
const wanted = options.kernel
  ? files.filter((file) => options.kernel?.some((name) => file.endsWith(`/${name}.wgsl`)))
  : files;
if (wanted.length === 0) throw new Error(`test:mutants: no kernel or piece is named ${options.kernel}.`);

// The processes that run them ------------------------------------------------------------------------------------------

/** One process, and its replacement after one that never came back. */
class Worker {
  #process: ChildProcess | null = null;

  /** Null when the process ended or had to be ended. */
  ask(question: WorkerRequest, patience = PATIENCE_MS): Promise<WorkerReply | null> {
    this.#process ??= fork(join(root, 'tools/mutants/worker.ts'), {
      execArgv: ['--import', 'tsx', '--conditions=source'],
      // f32 alone: shuffles would leave the barriers of the plain kernels aside.
      env: {
        ...process.env,
        ...(options.file ? { GRAMIAN_MUTANTS_FILES: options.file.join(' ') } : {}),
        GRAMIAN_TEST_FAMILY: 'f32',
        TSX_TSCONFIG_PATH: join(root, 'tools/mutants/tsconfig.json'),
      },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const asked = this.#process;
    return new Promise((resolve) => {
      const done = (answer: WorkerReply | null): void => {
        clearTimeout(timer);
        asked.removeAllListeners('message').removeAllListeners('exit');
        if (!answer) this.end();
        resolve(answer);
      };
      const timer = setTimeout(() => done(null), patience);
      asked.once('message', (answer) => done(answer as WorkerReply));
      asked.once('exit', () => done(null));
      asked.send(question, () => {}); // to a process that just ended; its exit says so
    });
  }

  /** The next question starts another one. */
  end(): void {
    this.#process?.kill('SIGKILL');
    this.#process = null;
  }
}

// What launches what --------------------------------------------------------------------------------------------------

const OTHERS = ['run.ts', 'mutate.ts']; // change nothing of what a test launches

function fingerprint(): string {
  const hash = createHash('sha256').update([process.env.GRAMIAN_ADAPTER, ...(options.file ?? [])].join(' '));
  for (const folder of ['src', 'test', 'tools/mutants'])
    for (const name of (readdirSync(join(root, folder), { recursive: true }) as string[]).sort())
      if (/(?<!generated)\.ts$/.test(name) && !name.includes('node_modules') && !OTHERS.includes(name))
        hash.update(readFileSync(join(root, folder, name)));
  return hash.digest('hex').slice(0, 16);
}

async function knownTests(): Promise<readonly Known[]> {
  const cache = join(tmpdir(), `gramian-mutants-${fingerprint()}.json`);
  if (existsSync(cache)) return JSON.parse(readFileSync(cache, 'utf8'));
  console.log('test:mutants: recording which test launches which kernel');
  const worker = new Worker();
  const answer = await worker.ask({ record: true }, 3_600_000);
  worker.end();
  if (!answer || !('failing' in answer)) throw new Error('test:mutants: the tests did not get to their end.');
  console.log(`test:mutants: ${answer.known.length} tests launch kernels on ${answer.adapter}`);
  for (const line of answer.failing) console.log(`  left out, as it fails without any mutant: ${line}`);
  writeFileSync(cache, JSON.stringify(answer.known));
  return answer.known;
}

// The run -------------------------------------------------------------------------------------------------------------

const known = await knownTests();
const total = { killed: 0, survived: 0, equivalent: 0, invalid: 0 };
const survivors: string[] = [];
const broken: string[] = [];

const isEquivalent = ({ file, before, after }: Mutant): boolean =>
  Object.values(equivalents)
    .flat()
    .some((each) => each.file === file && each.before === before && each.after === after);

function drawn(file: string): Mutant[] {
  const all = mutantsOf(file, texts.get(file) as string);
  const most = options.most === 'all' ? all.length : Number(options.most);
  const random = createRandom(Number(options.seed), createHash('sha256').update(file).digest().readUInt32LE());
  const keys = new Map(all.map((mutant) => [mutant, random.uniform()]));
  return all.toSorted((a, b) => (keys.get(a) as number) - (keys.get(b) as number)).slice(0, most);
}

/** The first half of them, and as many from all over the others: of a piece in every kernel the first are all alike. */
function sample<T>(list: readonly T[], most: number): readonly T[] {
  if (list.length <= most) return list;
  const first = Math.ceil(most / 2);
  const step = (list.length - first) / (most - first);
  return [
    ...list.slice(0, first),
    ...Array.from({ length: most - first }, (_, i) => list[first + Math.floor(i * step)]),
  ];
}

interface Verdict {
  readonly counts: typeof total;
  readonly survivors: readonly string[];
  /** What the kernel itself was killed by: something that a mutant left behind, and then the kills mean nothing. */
  readonly control: string | null;
}

/** `apart`: each mutant, and the kernel itself, in a process of its own. */
async function judge(worker: Worker, file: string, tests: readonly Known[], apart: boolean): Promise<Verdict> {
  const kills = new Map<string, number>();
  const counts = { killed: 0, survived: 0, equivalent: 0, invalid: 0 };
  const alive: string[] = [];
  for (const mutant of drawn(file)) {
    if (isEquivalent(mutant)) {
      counts.equivalent++;
      continue;
    }
    // What killed before, first.
    const order = tests.toSorted((a, b) => (kills.get(b.id) ?? 0) - (kills.get(a.id) ?? 0));
    const asked = sample(order, options.tests === 'all' ? order.length : Number(options.tests));
    const usual = asked.reduce((total, test) => total + test.ms, 0);
    if (apart) worker.end();
    const answer = await worker.ask({ mutant, tests: asked.map((test) => test.id) }, PATIENCE_MS + SLOWER * usual);
    const { result, by } = answer && 'result' in answer ? answer : { result: 'killed' as const, by: undefined };
    counts[result]++;
    if (by) kills.set(by, (kills.get(by) ?? 0) + 1);
    if (result === 'survived') alive.push(`${mutant.file}:${mutant.line}\n  - ${mutant.before}\n  + ${mutant.after}`);
  }
  if (apart) worker.end();
  const text = texts.get(file) as string;
  const witnesses = tests.filter(({ id }) => kills.has(id));
  const patience = PATIENCE_MS + SLOWER * witnesses.reduce((total, test) => total + test.ms, 0);
  const asIs = { file, line: 0, before: '', after: '', text };
  const itself = await worker.ask({ mutant: asIs, tests: witnesses.map(({ id }) => id) }, patience);
  const passed = itself && 'result' in itself && itself.result === 'survived';
  const control = passed ? null : (itself && 'by' in itself && itself.by) || 'time';
  return { counts, survivors: alive, control };
}

async function lane(): Promise<void> {
  const worker = new Worker();
  for (let file = wanted.shift(); file; file = wanted.shift()) {
    const name = file;
    // Where a file is most of what is launched, its numbers are looked at most closely.
    let tests = known.filter((test) => name in test.files).sort((a, b) => b.files[name] - a.files[name] || a.ms - b.ms);
    const started = performance.now();
    let verdict = await judge(worker, name, tests, false);
    if (verdict.control) {
      console.log(`${name}: something stayed behind for ${verdict.control}; each mutant again, in its own process`);
      verdict = await judge(worker, name, tests, true);
    }
    // A test that says the kernel's name, which is another here, fails always: no witness.
    for (let left = 8; verdict.control && left > 0; left--) {
      const fails = verdict.control;
      console.log(`${name}: ${fails} fails with the kernel itself in another's place; again without it`);
      tests = tests.filter(({ id }) => id !== fails);
      verdict = await judge(worker, name, tests, true);
    }
    if (verdict.control) {
      broken.push(`${name} itself was killed by ${verdict.control}`);
      console.log(broken.at(-1));
      continue;
    }
    const { counts } = verdict;
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += counts[key];
    survivors.push(...verdict.survivors);
    for (const survivor of verdict.survivors) console.log(survivor);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.log(
      `${name}: ${counts.killed} killed, ${counts.survived} survived, ${counts.equivalent} equivalent, ${counts.invalid} do not compile (${tests.length} tests, ${seconds} s)`,
    );
  }
  worker.end();
}

const judged = new Set(wanted);
await Promise.all(Array.from({ length: Number(options.jobs) }, lane));

if (survivors.length > 0) console.log(`\nSurvivors:\n${survivors.join('\n')}`);
for (const [reason, mutants] of Object.entries(equivalents)) {
  const excused = mutants.filter((each) => judged.has(each.file));
  if (excused.length > 0) console.log(`\nKnown to be equivalent: ${reason}`);
  for (const { file, before, after } of excused) console.log(`${file}\n  - ${before}\n  + ${after}`);
}
if (broken.length > 0) console.log(`\nNot judged, as the kernel itself fails:\n${broken.join('\n')}`);
const share = total.killed / Math.max(1, total.killed + total.survived);
console.log(
  `\ntest:mutants: ${judged.size - broken.length} files, ${total.killed} killed, ${total.survived} survived (${(100 * share).toFixed(1)} % killed), ` +
    `${total.equivalent} equivalent, ${total.invalid} do not compile`,
);
if (share < 0.95 || broken.length > 0) process.exitCode = 1;
