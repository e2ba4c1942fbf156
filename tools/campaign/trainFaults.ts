// The part of `npm run faults` about a run's files: processes killed while they save, full disks, two runs in one directory,
// and files whose bytes were changed. Runs are those of the built command, on a few tiny images.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCheckpoint, CHECKPOINT as NEWEST, PREVIOUS } from '../../src/cli/checkpoint.ts';
import { createRandom, type Random } from '../../src/core/random.ts';
import { readSafetensors } from '../../src/data/safetensors.ts';
import type { FaultRow } from './gpuFaults.ts';
import { type Ended, ended } from './table.ts';

const CLI = 'dist/cli.js';
const STEPS = 240; // of a whole run

class Rows {
  right = 0;
  readonly wrong: string[] = [];
  readonly what: string;
  constructor(what: string) {
    this.what = what;
  }
  judge(complaint: string | null): void {
    if (complaint) this.wrong.push(complaint);
    else this.right++;
  }
  row(): FaultRow {
    const { what, right, wrong } = this;
    process.stderr.write(`\n${what}: ${right} of ${right + wrong.length}\n`);
    return { what, trials: right + wrong.length, right, wrong: wrong.slice(0, 5) };
  }
}

/** 64 images of 16 x 16 to train on and 32 to test on, as IDX files. */
function writeImages(folder: string, random: Random): void {
  mkdirSync(folder);
  for (const [name, count] of [
    ['train', 64],
    ['t10k', 32],
  ] as const) {
    const images = Buffer.alloc(16 + count * 256);
    [0x803, count, 16, 16].forEach((word, i) => images.writeUInt32BE(word, 4 * i));
    const labels = Buffer.alloc(8 + count);
    [0x801, count].forEach((word, i) => labels.writeUInt32BE(word, 4 * i));
    for (let i = 0; i < count; i++) {
      labels[8 + i] = i % 4;
      for (let p = 0; p < 256; p++) images[16 + 256 * i + p] = (p * (1 + (i % 4)) + 60 * random.uniform()) & 255;
    }
    writeFileSync(join(folder, `${name}-images-idx3-ubyte`), images);
    writeFileSync(join(folder, `${name}-labels-idx1-ubyte`), labels);
  }
}

/** A run's tensors and step, or what loading them said. */
async function load(path: string): Promise<{ step: number; bits: string } | { error: Error }> {
  try {
    const { tensors, progress } = await loadCheckpoint('train: --resume', path);
    const bits = [...tensors]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([name, { shape, data }]) =>
          `${name} ${shape} ${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')}`,
      );
    return { step: progress.step, bits: `${bits.join('\n')}\n${progress.loss.map(({ loss }) => loss)}` };
  } catch (error) {
    return { error: error as Error };
  }
}

const lastLine = ({ stdout, stderr }: Ended): string =>
  (stderr + stdout)
    .trim()
    .split('\n')
    .filter((line) => !line.includes('artificially reduced'))
    .at(-1) ?? '';

export class TrainFaults {
  private readonly folder = mkdtempSync(join(tmpdir(), 'gramian-campaign-'));
  private readonly random: Random;
  private readonly data = join(this.folder, 'images');
  /** Of a run that nothing disturbed. */
  private sound = '';
  private mounted: string | null = null;

  constructor(seed: number) {
    this.random = createRandom(seed, 77);
    writeImages(this.data, createRandom(5));
  }

  end(): void {
    if (this.mounted) execFileSync('umount', ['-l', this.mounted]);
    this.mounted = null;
    rmSync(this.folder, { recursive: true, force: true });
  }

  private args(out: string, more: readonly string[] = []): string[] {
    const small = '--batch 16 --width 2 --features 8 --hidden 8 --projection 4'.split(' ');
    const epochs = ['--epochs', String(STEPS / 4), '--checkpoint-every', '1'];
    return [CLI, 'train', '--method', 'simclr', '--data', this.data, ...epochs, ...small, '--out', out, ...more];
  }

  private resume(from: string): string[] {
    return [CLI, 'train', '--resume', from, '--checkpoint-every', '1'];
  }

  /** What a whole run ends with; null where it fails. */
  async whole(): Promise<string | null> {
    const out = join(this.folder, 'sound');
    const run = await ended(process.execPath, this.args(out));
    const loaded = await load(join(out, NEWEST));
    if (run.code !== 0 || 'error' in loaded)
      return `the run that nothing disturbs ended with ${run.code}: ${lastLine(run)}`;
    this.sound = loaded.bits;
    return null;
  }

  /** Starts a run and kills it in the middle of its n-th save from now; false where it came to its end before. */
  private killed(args: readonly string[], out: string, saves: number): Promise<{ killed: boolean; ended: Ended }> {
    mkdirSync(out, { recursive: true });
    const delay = this.random.uniform() < 0.5 ? 0 : 3 * this.random.uniform();
    return new Promise((resolve) => {
      const running = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      let [stdout, stderr] = ['', ''];
      running.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      running.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      let seen = 0;
      const watching = watch(out, (_, name) => {
        if (!name?.endsWith('.tmp') || ++seen < saves) return;
        watching.close();
        if (delay === 0) running.kill('SIGKILL');
        else setTimeout(() => running.kill('SIGKILL'), delay);
      });
      running.once('close', (code, signal) => {
        watching.close();
        resolve({ killed: signal === 'SIGKILL', ended: { code, signal, stdout, stderr } });
      });
    });
  }

  /** Kills runs while they save and goes on from what is left, again and again. */
  async kills(count: number): Promise<FaultRow[]> {
    const loads = new Rows('kill -9 while saving: the newest checkpoint or the one before loads');
    const ends = new Rows('runs that were killed so and resumed end with the bits of one that was not');
    for (let chain = 0, done = 0; done < count; chain++) {
      const out = join(this.folder, `killed ${chain}`);
      let args = this.args(out);
      let step = 0;
      for (;;) {
        // A save gives three events or so.
        const saves = 1 + Math.floor(60 * this.random.uniform());
        const { killed, ended: run } = await this.killed(args, out, done < count ? saves : Number.POSITIVE_INFINITY);
        if (!killed) {
          const last = await load(join(out, NEWEST));
          if (run.code !== 0 || 'error' in last) ends.judge(`a resumed run ended with ${run.code}: ${lastLine(run)}`);
          else ends.judge(last.bits === this.sound ? null : `run ${chain} ends at step ${last.step} with other bits`);
          break;
        }
        done++;
        const newest = await load(join(out, NEWEST));
        const before = await load(join(out, PREVIOUS));
        const found = [newest, before].find((each) => 'step' in each) as { step: number } | undefined;
        if (!found && step === 0) {
          // Killed in its very first save: nothing was there to be lost.
          const none = !existsSync(join(out, NEWEST)) && !existsSync(join(out, PREVIOUS));
          loads.judge(
            none ? null : `neither loads after the first save: ${'error' in newest ? newest.error.message : ''}`,
          );
          args = [...this.args(out), '--overwrite'];
          continue;
        }
        if (!found) {
          loads.judge(`neither loads: ${'error' in newest ? newest.error.message : ''}`);
          break;
        }
        loads.judge(found.step >= step ? null : `back at step ${found.step}, where ${step} had been saved`);
        step = found.step;
        args = this.resume('step' in newest ? join(out, NEWEST) : join(out, PREVIOUS));
        process.stderr.write(`\rkilled ${done} of ${count}, at step ${step} of ${STEPS}  `);
      }
    }
    return [loads.row(), ends.row()];
  }

  /** A file system of a few kilobytes fills up while a run saves. Needs root, to mount it. */
  async fullDisk(count: number): Promise<FaultRow> {
    const what = 'disk full while saving: a sentence, the older checkpoint loads, and the run goes on elsewhere';
    const rows = new Rows(what);
    const size = readFileSync(join(this.folder, 'sound', NEWEST)).length;
    const disk = join(this.folder, 'disk');
    mkdirSync(disk);
    for (let k = 0; k < count; k++) {
      const pages = Math.ceil((size * (1.1 + (2.4 * k) / count)) / 4096) + 2;
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${4096 * pages}`, 'tmpfs', disk], { stdio: 'pipe' });
        this.mounted = disk;
      } catch (error) {
        const reason = (error as Error).message.trim().split('\n').at(-1);
        return {
          what: `${what} (left out: mounting a small disk needs root: ${reason})`,
          trials: 0,
          right: 0,
          wrong: [],
        };
      }
      try {
        const out = join(disk, 'run');
        const run = await ended(process.execPath, this.args(out));
        const said = lastLine(run);
        const newest = await load(join(out, NEWEST));
        const older = 'step' in newest ? newest : await load(join(out, PREVIOUS));
        const held = existsSync(join(out, NEWEST)) || existsSync(join(out, PREVIOUS));
        if (run.code === 0)
          rows.judge('step' in newest && newest.bits === this.sound ? null : 'it ended well without its checkpoint');
        else if (!said.includes(out) || !/space|ENOSPC|full/i.test(said)) rows.judge(`it says: ${said}`);
        else if ('error' in older) rows.judge(held ? `what is left does not load: ${older.error.message}` : null);
        else {
          // What it left, moved to where there is room.
          const roomy = join(this.folder, `moved ${k}`);
          execFileSync('cp', ['-r', out, roomy]);
          const from = join(roomy, 'step' in newest ? NEWEST : PREVIOUS);
          const again = await ended(process.execPath, this.resume(from));
          const last = await load(join(roomy, NEWEST));
          if (again.code !== 0 || 'error' in last)
            rows.judge(`resumed elsewhere it ends with ${again.code}: ${lastLine(again)}`);
          else rows.judge(last.bits === this.sound ? null : 'resumed elsewhere it ends with other bits');
        }
      } finally {
        execFileSync('umount', [disk]);
        this.mounted = null;
      }
    }
    return rows.row();
  }

  /** While a run goes on, others want its directory. */
  async twoRuns(count: number): Promise<FaultRow> {
    const rows = new Rows('two runs in one directory: the second is refused, the first ends as if alone');
    for (let k = 0; k < count; k++) {
      const out = join(this.folder, `two ${k}`);
      const first = ended(process.execPath, this.args(out));
      while (!existsSync(join(out, NEWEST))) await new Promise((resolve) => setTimeout(resolve, 20));
      const others = [this.args(out), this.args(out, ['--overwrite']), this.resume(join(out, NEWEST))];
      const second = await ended(process.execPath, others[k % 3]);
      const said = lastLine(second);
      const run = await first;
      const last = await load(join(out, NEWEST));
      if (second.code === 0) rows.judge('the second ran');
      else if (!said.includes(out) || !/^train: /.test(said)) rows.judge(`the second says: ${said}`);
      else if (run.code !== 0 || 'error' in last) rows.judge(`the first ended with ${run.code}: ${lastLine(run)}`);
      else rows.judge(last.bits === this.sound ? null : 'the first ended with other bits');
    }
    return rows.row();
  }

  /** Bytes of a checkpoint changed in many ways: it is refused in a sentence, or loads with every number as it was. */
  async corrupt(count: number): Promise<FaultRow[]> {
    const good = readFileSync(join(this.folder, 'sound', NEWEST));
    const path = join(this.folder, NEWEST);
    const loads = new Rows('checkpoints with changed bytes: one sentence, or the right content');
    const reads = new Rows('the same through the reader of safetensors alone: one sentence, or what the bytes say');
    for (let k = 0; k < count; k++) {
      const [bytes, how] = mutated(good, this.random);
      writeFileSync(path, bytes);
      const loaded = await load(path);
      if ('error' in loaded) loads.judge(isSentence(loaded.error) ? null : `${how}: ${loaded.error.stack}`);
      else loads.judge(loaded.bits === this.sound ? null : `${how}: other content passes`);
      reads.judge(readsAs(bytes, how));
    }
    rmSync(path);
    return [loads.row(), reads.row()];
  }

  /** A few of them by the command itself. */
  async corruptResumed(count: number): Promise<FaultRow> {
    const rows = new Rows('train --resume of such a file: one sentence, exit code not 0');
    const good = readFileSync(join(this.folder, 'sound', NEWEST));
    for (let k = 0; k < count; k++) {
      const out = join(this.folder, `corrupt ${k}`);
      mkdirSync(out);
      const [bytes, how] = mutated(good, this.random);
      writeFileSync(join(out, NEWEST), bytes);
      const loaded = await load(join(out, NEWEST));
      const run = await ended(process.execPath, this.resume(join(out, NEWEST)));
      const said = lastLine(run);
      if ('error' in loaded)
        rows.judge(run.code !== 0 && /^train: .*\.$/.test(said) ? null : `${how}: ${run.code}, ${said}`);
      else rows.judge(run.code === 0 ? null : `${how}: harmless, but ${said}`);
    }
    return rows.row();
  }
}

const isSentence = (error: Error): boolean => error.name === 'GramianError' && /^[^\n]{1,1000}\.$/.test(error.message);

/** One of many ways to spoil a file. */
function mutated(good: Buffer, random: Random): [bytes: Buffer, how: string] {
  const below = (n: number): number => Math.floor(n * random.uniform());
  const header = 8 + Number(good.readBigUInt64LE(0));
  const bytes = Buffer.from(good);
  // Half of them where the file says what it holds.
  const at = random.uniform() < 0.5 ? below(header) : below(bytes.length);
  const digits = [...good.subarray(8, header).toString('latin1').matchAll(/\d+/g)];
  const set = (change: (copy: Buffer) => unknown): Buffer => {
    change(bytes);
    return bytes;
  };
  const ways: [string, () => Buffer][] = [
    ['a bit turned', () => set((copy) => copy.writeUInt8(bytes[at] ^ (1 << below(8)), at))],
    ['a byte set', () => set((copy) => copy.writeUInt8(below(256), at))],
    ['cut short', () => bytes.subarray(0, at)],
    ['a byte left out', () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])],
    [
      'bytes put in',
      () => Buffer.concat([bytes.subarray(0, at), Buffer.alloc(1 + below(9), below(256)), bytes.subarray(at)]),
    ],
    ['bytes behind', () => Buffer.concat([bytes, Buffer.alloc(1 + below(64), below(256))])],
    ['a page of zeros', () => bytes.fill(0, at, Math.min(at + 4096, bytes.length))],
    ['a part twice', () => set((copy) => good.copy(copy, at, below(good.length)))],
    [
      'the length of the header',
      () => set((copy) => copy.writeBigUInt64LE(BigInt(below(2 ** 31)) << BigInt(below(33)), 0)),
    ],
    [
      'a number of the header',
      () => {
        const { index, 0: text } = digits[below(digits.length)];
        const other = ['-1', '1.5', '1e9', '9007199254740993', '00', String(below(100))][below(6)];
        return Buffer.concat([
          bytes.subarray(0, 8 + index),
          Buffer.from(other),
          bytes.subarray(8 + index + text.length),
        ]);
      },
    ],
  ];
  const [how, make] = ways[below(ways.length)];
  return [make(), `${how} at ${at}`];
}

/** The reader beside a few lines that trust the file. */
function readsAs(bytes: Buffer, how: string): string | null {
  let tensors: ReturnType<typeof readSafetensors>['tensors'];
  try {
    tensors = readSafetensors(bytes).tensors;
  } catch (error) {
    return isSentence(error as Error) ? null : `${how}: ${(error as Error).stack}`;
  }
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, start).toString('utf8')) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >;
  for (const [name, { shape, data }] of tensors) {
    const [begin, end] = header[name].data_offsets;
    const wanted = bytes.subarray(start + begin, start + end);
    if (shape.join() !== header[name].shape.join()) return `${how}: ${name} has another shape`;
    if (!wanted.equals(Buffer.from(data.buffer, data.byteOffset, data.byteLength)))
      return `${how}: ${name} has other numbers`;
  }
  return null;
}
