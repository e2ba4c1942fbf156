// Everything that a machine with a GPU is asked for, in one call of less than ten minutes:
//
//   node bench/gpu.mjs [--out folder] [--minutes 9.5] [--python python3] [--adapter hardware] [--only step,step]
//
// Needs dist/ and bench/peers/dist (npm run build), the package webgpu, the GPU's Vulkan driver, and for the comparison with
// PyTorch a python3 that has it. Rows are appended to bench/results.csv; the log, the JSON of each step and a copy of the
// rows go to --out. Steps run one after another, so that no two share the card; one that fails or outlasts its share of
// the time leaves what it measured, and the next begins. Node's own modules only.
import { spawn } from 'node:child_process';
import { appendFileSync, copyFileSync, createWriteStream, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'runs/gpu' },
    minutes: { type: 'string', default: '9.5' },
    python: { type: 'string', default: 'python3' },
    only: { type: 'string' },
    adapter: { type: 'string', default: 'hardware' },
  },
});
const out = join(root, values.out);
const results = join(root, 'bench', 'results.csv');
mkdirSync(out, { recursive: true });
const log = createWriteStream(join(out, 'log.txt'), { flags: 'a' });
const end = Date.now() + 60_000 * Number(values.minutes);
const say = (text) => {
  process.stdout.write(text);
  log.write(text);
};

const gramian = (...args) => ({
  command: process.execPath,
  args: ['dist/cli.js', ...args],
  env: { GRAMIAN_ADAPTER: values.adapter },
});
const bench = (name, ...more) =>
  gramian('bench', '--adapters', values.adapter, '--csv', results, '--json', join(out, `${name}.json`), ...more);
const torchRows = join(out, 'torch.jsonl');

/** `share`: of the time that is left when the step begins. */
const STEPS = {
  card: { command: 'nvidia-smi', args: [], share: 0.05 },
  probe: { ...gramian('probe', '--json', join(out, 'probe.json')), share: 0.2 },
  numerics: { ...gramian('probe', '--numerics', '--json', join(out, 'numerics.json')), share: 0.1 },
  // What is found here, the benchmark below uses: it is cached on this machine.
  tune: {
    ...gramian('tune', '--rows', '1024,4096', '--columns', '64,128,512', '--json', join(out, 'tune.json')),
    seconds: '--budget',
    share: 0.25,
  },
  default: { ...bench('default', '--profile', 'default', '--peers', 'none', '--seconds', '2'), share: 0.35 },
  native: { ...bench('native', '--profile', 'native', '--peers', 'none', '--seconds', '2'), share: 0.4 },
  torch: {
    command: values.python,
    args: ['bench/peers/torch_losses.py', '--out', torchRows],
    seconds: '--seconds', // it is told its time
    share: 0.6,
    after: appendTorch,
  },
  large: { command: process.execPath, args: ['bench/large.mjs'], share: 0.5, env: { GRAMIAN_ADAPTER: values.adapter } },
  peers: {
    ...bench(
      'peers',
      '--profile',
      'default',
      '--peers',
      'all',
      '--seconds',
      '2',
      '--cases',
      'ntXent',
      '--sizes',
      'n=512,2048,8192',
    ),
    share: 0.95,
  },
};

let rowsBefore = existsSync(torchRows) ? linesOf(torchRows).length : 0;
let failed = 0;
for (const [name, step] of Object.entries(STEPS)) {
  if (values.only && !values.only.split(',').includes(name)) continue;
  const seconds = Math.floor((step.share * (end - Date.now())) / 1000);
  if (seconds < 5) {
    say(`\n== ${name}: no time is left\n`);
    failed++;
    continue;
  }
  say(`\n== ${name} (at most ${seconds} s)\n`);
  const begin = Date.now();
  const code = await run(step, seconds);
  step.after?.();
  say(`== ${name} ended with ${code} after ${((Date.now() - begin) / 1000).toFixed(0)} s\n`);
  if (code !== 0) failed++;
}
if (existsSync(results)) copyFileSync(results, join(out, 'results.csv'));
say(`\n${failed} steps failed or had no time; log, JSON and rows are in ${values.out}\n`);
log.end();

/** @returns its exit code, or why there is none */
function run({ command, args, env, seconds: option }, seconds) {
  return new Promise((resolve) => {
    const child = spawn(command, option ? [...args, option, String(Math.max(5, seconds - 20))] : args, {
      cwd: root,
      env: { ...process.env, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? '/tmp', PYTHONUNBUFFERED: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.on('data', say);
    child.stderr.on('data', say);
    // The first signal asks the benchmark to hand over what it has.
    const stop = setTimeout(() => child.kill('SIGTERM'), 1000 * seconds);
    const kill = setTimeout(() => child.kill('SIGKILL'), 1000 * (seconds + 15));
    const done = (code) => {
      clearTimeout(stop);
      clearTimeout(kill);
      resolve(code);
    };
    child.on('error', (error) => done(error.message));
    child.on('close', (code, signal) => done(code ?? signal));
  });
}

function linesOf(file) {
  return readFileSync(file, 'utf8').split('\n').filter(Boolean);
}

/** PyTorch's rows, in the columns that the file has. */
function appendTorch() {
  if (!existsSync(torchRows)) return;
  const rows = linesOf(torchRows)
    .slice(rowsBefore)
    .map((line) => JSON.parse(line));
  rowsBefore += rows.length;
  if (rows.length === 0) return;
  const fresh = !existsSync(results);
  const columns = fresh ? Object.keys(rows[0]) : linesOf(results)[0].split(',');
  const field = (value) => {
    const text = typeof value === 'number' ? String(Number(value.toPrecision(6))) : String(value ?? '');
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rows.map((row) => columns.map((column) => field(row[column])).join(','));
  if (fresh) lines.unshift(columns.join(','));
  appendFileSync(results, `${lines.join('\n')}\n`);
}
