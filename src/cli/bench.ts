import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Entry } from '../../bench/contender.ts';
import { loadPeer, openHost, PEERS, PINS, type PinName } from '../../bench/host.node.ts';
import { contenders as ours } from '../../bench/ours.ts';
import { loadWorks } from '../../bench/ownWorks.node.ts';
import { untilQuiet } from '../../bench/quiet.node.ts';
import { renderBenchReport } from '../../bench/report/write.ts';
import { CSV_HEADER, digits, type Environment, type Row, type Session, toCsv, toText } from '../../bench/results.ts';
import { askedSizes, checkAxes, chooseCases, parseSizes, runCases } from '../../bench/run.ts';
import { GramianError } from '../gpu/errors.ts';
import type { Case } from '../testing/benchWork.ts';
import { benchCold } from './benchCold.ts';
import { checkFile } from './writable.ts';

export interface BenchOptions {
  work?: string;
  cases?: string[];
  sizes?: string[];
  adapters: string[];
  peers: string[];
  profile: string;
  tune: string;
  repeats?: number;
  seconds: number;
  json?: string | true;
  csv?: string;
  report?: string;
  quick?: boolean;
  cold?: boolean;
}

const QUICK_REPEATS = 5;
const REPEATS = 20;

const fail = (sentence: string): never => {
  throw new GramianError(`bench: ${sentence}`);
};

/** `gramian bench`: progress on stderr, the results on stdout. */
export async function bench(options: BenchOptions): Promise<void> {
  const pins = options.adapters.map((name) => {
    if (!(PINS as readonly string[]).includes(name)) fail(`--adapters ${name}, expected ${PINS.join(', ')}.`);
    return name as PinName;
  });
  const { profile, tune } = options;
  if (profile !== 'default' && profile !== 'native') return fail(`--profile ${profile}, expected default or native.`);
  if (tune !== 'off' && tune !== 'cached' && tune !== 'full')
    return fail(`--tune ${tune}, expected off, cached or full.`);
  const peers = options.peers.includes('all') ? Object.keys(PEERS) : options.peers.filter((name) => name !== 'none');
  for (const name of peers)
    if (!PEERS[name]) fail(`--peers ${name}, expected all, none or ${Object.keys(PEERS).join(', ')}.`);
  for (const name of ['json', 'csv', 'report'] as const) {
    const file = options[name];
    if (typeof file === 'string') checkFile('bench', name, file);
  }
  if (options.cold) {
    for (const name of ['work', 'report'] as const)
      if (options[name] !== undefined) fail(`--cold is given with --${name}, expected one of them.`);
    if (profile !== 'default') fail('--cold is given with --profile native, expected one of them.');
    const { cases, sizes, repeats, seconds, json, csv, quick = false } = options;
    return benchCold({ cases, sizes, pins, peers, tune, repeats, seconds, json, csv, quick });
  }
  const own = options.work === undefined ? null : await loadWorks(options.work, tune);
  const cases = own && !options.cases ? [] : chooseCases(options.cases);
  const asked = parseSizes(options.sizes ?? []);
  checkAxes([...(own?.works ?? []), ...cases], asked);
  const sized = (of: Case) => ({ of, sizes: askedSizes(of, asked, options.quick ?? false) });
  const plan = [...(own?.works ?? []).map((of) => ({ ...sized(of), entries: own?.entries })), ...cases.map(sized)];

  const sessions: Session[] = [];
  if (pins.length > 1) for (const pin of pins) sessions.push(...(await inProcess(pin, options)));
  else {
    const entries = [...ours(tune)];
    const repeats = options.repeats ?? (options.quick ? QUICK_REPEATS : REPEATS);
    const show = (text: string): void => void (options.json === true || process.stdout.write(text));
    sessions.push(
      await session(pins[0], { profile, tune }, plan, entries, peers, { repeats, seconds: options.seconds }, show),
    );
  }
  await hand(sessions, options);
  // The peers, and Dawn's own threads behind them, keep a process alive.
  if (process.stdout.writableLength > 0) await new Promise((resolve) => process.stdout.once('drain', resolve));
  process.exit();
}

async function session(
  pin: PinName,
  { profile, tune }: Pick<Environment, 'profile' | 'tune'>,
  plan: Parameters<typeof runCases>[0],
  entries: Entry[],
  peers: readonly string[],
  how: { repeats: number; seconds: number },
  show: (text: string) => void,
): Promise<Session> {
  const host = await openHost(pin, profile, tune);
  const view = progress();
  view.line(`adapter: ${host.note}`);
  for (const name of peers) {
    const loaded = await loadPeer(name);
    if (typeof loaded === 'string') view.line(`${loaded}`);
    else entries.push(...loaded);
  }
  let stopped = false;
  const onInterrupt = (): void => {
    if (stopped) process.exit(130);
    stopped = true;
    view.line('stopping after this run; what is measured is kept');
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  view.say('roofline');
  const roofline = await host.roofline();
  view.line(
    `roofline: ${digits(roofline.flops / 1e9)} GFLOP/s, ${digits(roofline.bandwidth / 1e9)} GB/s, ` +
      `${digits(roofline.exps / 1e9)} G exp2/s; a dispatch ${digits(1000 * roofline.dispatch, 2)} us, ` +
      `a submit ${digits(1000 * roofline.submit, 2)} us`,
  );
  const rows: Row[] = [];
  const { environment, observer } = host;
  const around = { environment, observer, roofline, say: view.say, stop: () => stopped, quiet: untilQuiet };
  const { adapter, driver, runtime } = environment;
  show(`${adapter}, ${driver}, ${runtime}, profile ${profile}, tune ${tune}\n`);
  await runCases(plan, entries, how, around, (more) => {
    rows.push(...more);
    view.clear();
    show(toText(more));
  });
  view.clear();
  process.off('SIGINT', onInterrupt);
  process.off('SIGTERM', onInterrupt);
  return { environment, roofline, rows };
}

/** Each adapter in a process of its own: Dawn chooses its drivers once. */
async function inProcess(pin: PinName, options: BenchOptions): Promise<Session[]> {
  const folder = mkdtempSync(join(tmpdir(), 'gramian-bench-'));
  const file = join(folder, 'results.json');
  const list = (name: string, values: readonly string[] | undefined): string[] =>
    values && values.length > 0 ? [`--${name}`, ...values] : [];
  const args = [
    ...[
      'bench',
      '--adapters',
      pin,
      '--profile',
      options.profile,
      '--tune',
      options.tune,
      '--seconds',
      String(options.seconds),
      '--json',
      file,
    ],
    ...(options.work ? ['--work', options.work] : []),
    ...list('cases', options.cases),
    ...list('sizes', options.sizes),
    ...list('peers', options.peers),
    ...(options.repeats ? ['--repeats', String(options.repeats)] : []),
    ...(options.quick ? ['--quick'] : []),
  ];
  const ignore = (): void => {}; // the terminal sends Ctrl-C to the child as well, which hands over what it has
  process.on('SIGINT', ignore);
  try {
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1], ...args], {
      stdio: ['ignore', options.json === true ? 2 : 'inherit', 'inherit'],
    });
    await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
    if (!existsSync(file)) {
      // One that measured something wrong exits with 1, and hands over what it has.
      process.stderr.write(`bench: nothing was measured on ${pin}.\n`);
      process.exitCode = 1;
      return [];
    }
    return (JSON.parse(readFileSync(file, 'utf8')) as { sessions: Session[] }).sessions;
  } finally {
    process.off('SIGINT', ignore);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Table, JSON, CSV and report, as asked for. */
async function hand(sessions: readonly Session[], { json, csv, report }: BenchOptions): Promise<void> {
  const rows = sessions.flatMap((each) => each.rows);
  const text = `${JSON.stringify({ sessions }, null, 2)}\n`;
  if (typeof json === 'string') writeFileSync(json, text);
  if (csv) appendFileSync(csv, (existsSync(csv) ? '' : CSV_HEADER) + toCsv(rows));
  if (report) {
    const script = readFileSync(new URL('./bench-report-page.js', import.meta.url), 'utf8');
    writeFileSync(report, renderBenchReport(sessions, script));
  }
  for (const file of [csv, report]) if (file) process.stderr.write(`wrote ${file}\n`);
  if (json === true) process.stdout.write(text);
  // Code to compare with may fail; what is measured may not.
  if (rows.some(({ status, form }) => status === 'wrong' || (status === 'failed' && form === 'fused')))
    process.exitCode = 1;
}

interface View {
  /** A state that the next one replaces. */
  say(text: string): void;
  line(text: string): void;
  clear(): void;
}

/** One changing line on a terminal; elsewhere only what stays. */
function progress(): View {
  const { isTTY } = process.stderr;
  const clear = (): void => void (isTTY && process.stderr.write('\r\x1b[K'));
  return {
    say: (text) => {
      if (isTTY) process.stderr.write(`\r\x1b[K${text}`.slice(0, process.stderr.columns + 4));
      else if (!/ round \d+/.test(text)) process.stderr.write(`${text}\n`);
    },
    line: (text) => {
      clear();
      process.stderr.write(`${text}\n`);
    },
    clear,
  };
}
