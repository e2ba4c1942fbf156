// Mutation run: makes one small mistake at a time in a kernel and asks its tests whether they notice.
//   npm run test:mutants -- [--kernel NAME] [--most N] [--seed N] [--tests N]
// NAME is a file of kernels/ or kernels/lib/ without its .wgsl; --most takes that many mutants of each file (default 8),
// drawn by --seed; --tests asks at most that many tests about one mutant (default: all that launch the file). What
// launches what is recorded once, and kept in the system's temporary folder until a file of src/ or test/ changes.
// Mutants that no test can tell from the kernel are listed in equivalent.json, by the reason.
import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom } from '../../src/core/random.ts';
import { type Mutant, mutantsOf } from './mutate.ts';
import type { Answer, Ask, Known } from './worker.ts';

const { values: options } = parseArgs({
  options: {
    kernel: { type: 'string', multiple: true },
    most: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
    tests: { type: 'string', default: 'all' },
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

const files = ['kernels', 'kernels/lib'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.wgsl'))
    .map((name) => `${folder}/${name}`),
);
const wanted = options.kernel
  ? files.filter((file) => options.kernel?.some((name) => file.endsWith(`/${name}.wgsl`)))
  : files;
if (wanted.length === 0) throw new Error(`test:mutants: no kernel or piece is named ${options.kernel}.`);

// The process that runs them, and its replacement after one that never came back ------------------------------------

let worker: ChildProcess | null = null;

function start(): ChildProcess {
  return fork(join(root, 'tools/mutants/worker.ts'), {
    execArgv: ['--import', 'tsx', '--conditions=source'],
    // f32 alone: shuffles would leave the barriers of the plain kernels aside.
    env: { ...process.env, GRAMIAN_TEST_FAMILY: 'f32', TSX_TSCONFIG_PATH: join(root, 'tools/mutants/tsconfig.json') },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

/** Null when the process ended or had to be ended. */
function ask(question: Ask, patience = PATIENCE_MS): Promise<Answer | null> {
  worker ??= start();
  const asked = worker;
  return new Promise((resolve) => {
    const done = (answer: Answer | null): void => {
      clearTimeout(timer);
      asked.removeAllListeners('message').removeAllListeners('exit');
      if (!answer) {
        asked.kill('SIGKILL');
        worker = null;
      }
      resolve(answer);
    };
    const timer = setTimeout(() => done(null), patience);
    asked.once('message', (answer) => done(answer as Answer));
    asked.once('exit', () => done(null));
    asked.send(question, () => {}); // to a process that just ended; its exit says so
  });
}

// What launches what --------------------------------------------------------------------------------------------------

function fingerprint(): string {
  const hash = createHash('sha256').update(process.env.GRAMIAN_ADAPTER ?? '');
  for (const folder of ['src', 'test', 'tools/mutants'])
    for (const name of (readdirSync(join(root, folder), { recursive: true }) as string[]).sort())
      if (/(?<!generated)\.ts$/.test(name) && !name.includes('node_modules'))
        hash.update(readFileSync(join(root, folder, name)));
  return hash.digest('hex').slice(0, 16);
}

async function knownTests(): Promise<readonly Known[]> {
  const cache = join(tmpdir(), `gramian-mutants-${fingerprint()}.json`);
  if (existsSync(cache)) return JSON.parse(readFileSync(cache, 'utf8'));
  console.log('test:mutants: recording which test launches which kernel');
  const answer = await ask({ record: true }, 3_600_000);
  if (!answer || !('failing' in answer)) throw new Error('test:mutants: the tests did not get to their end.');
  console.log(`test:mutants: ${answer.known.length} tests launch kernels on ${answer.adapter}`);
  for (const line of answer.failing) console.log(`  left out, as it fails without any mutant: ${line}`);
  writeFileSync(cache, JSON.stringify(answer.known));
  return answer.known;
}

// The run -------------------------------------------------------------------------------------------------------------

const known = await knownTests();
const random = createRandom(Number(options.seed));
const total = { killed: 0, survived: 0, equivalent: 0, invalid: 0 };
const survivors: string[] = [];

const isEquivalent = ({ file, before, after }: Mutant): boolean =>
  Object.values(equivalents)
    .flat()
    .some((each) => each.file === file && each.before === before && each.after === after);

function drawn(file: string): Mutant[] {
  const all = mutantsOf(file, readFileSync(join(root, file), 'utf8').trimEnd());
  const most = options.most === 'all' ? all.length : Number(options.most);
  const keys = new Map(all.map((mutant) => [mutant, random.uniform()]));
  return all.toSorted((a, b) => (keys.get(a) as number) - (keys.get(b) as number)).slice(0, most);
}

for (const file of wanted) {
  // Where a file is most of what is launched, its numbers are looked at most closely.
  const tests = known.filter((test) => file in test.files).sort((a, b) => b.files[file] - a.files[file] || a.ms - b.ms);
  const kills = new Map<string, number>();
  const own = { killed: 0, survived: 0, equivalent: 0, invalid: 0 };
  const started = performance.now();
  for (const mutant of drawn(file)) {
    if (isEquivalent(mutant)) {
      own.equivalent++;
      continue;
    }
    // What killed before, first.
    const order = tests.toSorted((a, b) => (kills.get(b.id) ?? 0) - (kills.get(a.id) ?? 0));
    const asked = options.tests === 'all' ? order : order.slice(0, Number(options.tests));
    const usual = asked.reduce((total, test) => total + test.ms, 0);
    const answer = await ask({ mutant, tests: asked.map((test) => test.id) }, PATIENCE_MS + SLOWER * usual);
    const { result, by } = answer && 'result' in answer ? answer : { result: 'killed' as const, by: undefined };
    own[result]++;
    if (by) kills.set(by, (kills.get(by) ?? 0) + 1);
    if (result !== 'survived') continue;
    survivors.push(`${mutant.file}:${mutant.line}\n  - ${mutant.before}\n  + ${mutant.after}`);
    console.log(survivors.at(-1));
  }
  // Who killed must let the kernel as it is live: else something was left behind, and those kills mean nothing.
  const text = readFileSync(join(root, file), 'utf8').trimEnd();
  const control = await ask({ mutant: { file, line: 0, before: '', after: '', text }, tests: [...kills.keys()] });
  if (!control || !('result' in control) || control.result !== 'survived')
    throw new Error(`test:mutants: ${file} itself was killed by ${control && 'by' in control ? control.by : 'time'}.`);
  for (const key of Object.keys(own) as (keyof typeof own)[]) total[key] += own[key];
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(
    `${file}: ${own.killed} killed, ${own.survived} survived, ${own.equivalent} equivalent, ${own.invalid} do not compile (${tests.length} tests, ${seconds} s)`,
  );
}

if (survivors.length > 0) console.log(`\nSurvivors:\n${survivors.join('\n')}`);
for (const [reason, mutants] of Object.entries(equivalents)) {
  const excused = mutants.filter((each) => wanted.includes(each.file));
  if (excused.length > 0) console.log(`\nKnown to be equivalent: ${reason}`);
  for (const { file, before, after } of excused) console.log(`${file}\n  - ${before}\n  + ${after}`);
}
const share = total.killed / Math.max(1, total.killed + total.survived);
console.log(
  `\ntest:mutants: ${total.killed} killed, ${total.survived} survived (${(100 * share).toFixed(1)} % killed), ` +
    `${total.equivalent} equivalent, ${total.invalid} do not compile`,
);
(worker as ChildProcess | null)?.kill('SIGKILL');
if (share < 0.95) process.exitCode = 1;
