import type { Storage } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { GramianError } from '../gpu/errors.ts';
import { type Contents, type Effect, newMark } from '../gpu/failures.ts';
import type { KernelSource } from '../gpu/kernel.ts';
import { inspect_directions, inspect_finite, inspect_labels } from '../gpu/kernels.generated.ts';
import { fillBits, type Launcher } from './fills.ts';

const SLOTS = 1024;
const NOTHING = 0xffffffff;

/** Numbers to look at. */
interface Numbers {
  readonly storage: Storage;
  readonly shape: readonly number[];
  readonly size: number;
}

/** What it looks with. */
interface Launching extends Launcher {
  readonly lowLevel: Device;
  scratch(count: number, what: string): Storage;
}

interface Question {
  readonly sentence: (index: number) => string;
  /** What an op was given and read unfit: all that is made of it fails. */
  readonly given: Storage | null;
  /** What an op wrote, with all else that it wrote along: that fails itself. */
  readonly written: readonly Storage[];
}

/** Questions of captured work, and where their answers lie: asked again at every replay. */
export interface Watch {
  readonly found: Storage;
  readonly questions: readonly Question[];
}

interface Asked {
  readonly sentence: Question['sentence'];
  /** When it was asked. */
  readonly mark: Effect;
  readonly given: readonly Contents[];
  readonly written: readonly Contents[];
}

/** Questions whose answers were not read yet. */
interface Open {
  readonly found: Storage;
  readonly questions: readonly Asked[];
}

/**
 * Looks for bad values where only the GPU can see them (`check: true`). Each question gets a slot in which its kernel
 * leaves the first bad index; the slots are read with the next read of anything, and what was computed from bad values
 * then fails.
 */
export class Inspector {
  readonly #by: Launching;
  #found: Storage | null = null;
  #questions: Asked[] = [];
  /** Of work that is captured. */
  #apart: Question[] | null = null;
  #open: Open[] = [];
  #reading = 0;
  #reports: Promise<void> = Promise.resolve();

  constructor(by: Launching) {
    this.#by = by;
    by.lowLevel.failures.keep = () => this.#reading > 0 || this.#questions.length > 0 || this.#open.length > 0;
  }

  finite(op: string, tensors: Readonly<Record<string, Numbers>>): void {
    for (const [name, { shape, size, storage }] of Object.entries(tensors)) {
      const sentence = (index: number) => `${op}: ${elementName(name, shape, index)} is not finite.`;
      this.#ask(inspect_finite, storage, size, 0, { sentence, given: storage, written: [] });
    }
  }

  /** Class numbers, each to be in [0, classes). */
  labels(op: string, name: string, { storage, size, shape }: Numbers, classes: number): void {
    const sentence = (index: number) =>
      `${op}: ${elementName(name, shape, index)} is out of range, expected an integer in [0, ${classes}).`;
    this.#ask(inspect_labels, storage, size, classes, { sentence, given: storage, written: [] });
  }

  /**
   * Whether a kernel that was to fill `storage` left what stood there before.
   * @param kernel inspect_unwritten, of those who ask
   */
  written(
    kernel: KernelSource,
    sentence: (index: number) => string,
    storage: Storage,
    words: number,
    bits: number,
  ): void {
    this.#ask(kernel, storage, words, bits, { sentence, given: null, written: [storage] });
  }

  /** @param also what else is unfit for use where a row has no direction */
  directions(
    op: string,
    nameOf: (row: number) => string,
    inverseNorms: Storage,
    rows: number,
    also: readonly Storage[],
  ): void {
    const sentence = (row: number) => `${op}: ${nameOf(row)} has length 0, so it has no direction.`;
    this.#ask(inspect_directions, inverseNorms, rows, 0, { sentence, given: null, written: [inverseNorms, ...also] });
  }

  /** Resolves when all answers up to here are read, and what they fail is marked. */
  report(): Promise<void> {
    if (this.#questions.length > 0) this.#open.push({ found: this.#slots(), questions: this.#questions });
    this.#questions = [];
    this.#found = null;
    const asked = this.#open.splice(0);
    if (asked.length > 0) this.#reports = Promise.all([this.#answer(asked), this.#reports]).then(() => {});
    return this.#reports;
  }

  async #answer(asked: readonly Open[]): Promise<void> {
    const { failures } = this.#by.lowLevel;
    this.#reading++;
    // All reads are encoded before anything is awaited: a replay meanwhile starts with answers of its own. Where one
    // fails, so did the submit that asked, with all that it was to write.
    const reads = asked.map(({ found, questions }) =>
      this.#by.lowLevel.read('check', found, 4 * questions.length).catch(() => null),
    );
    for (const [i, bytes] of (await Promise.all(reads)).entries()) {
      const answers = bytes && new Uint32Array(bytes);
      asked[i].questions.forEach(({ sentence, mark, given, written }, slot) => {
        if (!answers || answers[slot] === NOTHING) return;
        if ([...given, ...written].some(({ failure }) => failure)) return; // it has a cause, found before
        failures.taint(mark, given, written, failures.add(new GramianError(sentence(answers[slot]))));
      });
      asked[i].found.release();
    }
    this.#reading--;
    failures.release();
  }

  /** Runs `fn` with its questions apart from all others; null where it asks nothing. */
  watchingApart(fn: () => void): Watch | null {
    const before = [this.#found, this.#apart] as const;
    const questions: Question[] = [];
    this.#found = null;
    this.#apart = questions;
    try {
      fn();
      return this.#found && { found: this.#found, questions };
    } catch (error) {
      (this.#found as Storage | null)?.release();
      throw error;
    } finally {
      [this.#found, this.#apart] = before;
    }
  }

  /**
   * Before the launches of a replay: its answers wait for the next report.
   * @param of what a question's storage is in this replay, and all that is written along with one
   */
  expect(
    watch: Watch,
    of: { now(storage: Storage): Storage; writtenWith(storage: Storage): readonly Storage[] },
  ): void {
    const { found, questions } = watch;
    if (this.#open.some((open) => open.found === found)) this.report();
    found.retain();
    fillBits(this.#by, found, SLOTS, NOTHING);
    const mark = this.#mark();
    const contents = (storages: readonly Storage[]): Contents[] => storages.map((storage) => of.now(storage).contents);
    this.#open.push({
      found,
      questions: questions.map(({ sentence, given, written }) => ({
        sentence,
        mark,
        given: contents(given ? [given] : []),
        written: contents(written.flatMap((storage) => of.writtenWith(storage))),
      })),
    });
  }

  #mark(): Effect {
    const mark = newMark();
    this.#by.lowLevel.queue.note(mark);
    return mark;
  }

  /**
   * Looks through `count` words of `values`.
   * @param against what the kernel compares with, where it does
   */
  #ask(kernel: KernelSource, values: Storage, count: number, against: number, question: Question): void {
    const slot = this.#slotFor(question);
    this.#by.run(kernel, {
      params: { count, slot, against },
      buffers: { values, found: this.#slots() },
      groups: Math.ceil(count / 256),
      work: count,
    });
  }

  #slotFor(question: Question): number {
    const apart = this.#apart;
    if (apart) {
      // More questions than slots in one replay: the oldest answers stay, the newest share the last slot.
      if (apart.length === SLOTS) return SLOTS - 1;
      return apart.push(question) - 1;
    }
    if (this.#questions.length === SLOTS) this.report();
    const { sentence, given, written } = question;
    const { failures } = this.#by.lowLevel;
    this.#questions.push({
      sentence,
      mark: this.#mark(),
      given: given ? [given.contents] : [],
      written: written.flatMap((storage) => failures.writtenWith(storage.contents)),
    });
    return this.#questions.length - 1;
  }

  #slots(): Storage {
    if (!this.#found) {
      this.#found = this.#by.scratch(SLOTS, 'check');
      if (!this.#apart) fillBits(this.#by, this.#found, SLOTS, NOTHING);
    }
    return this.#found;
  }
}

/** `z0[3]`; `z0[1, 0]` of rows that were flattened. */
export function rowName(name: string, { leading }: { leading: readonly number[] | null }, row: number): string {
  return leading ? elementName(name, leading, row) : `${name}[${row}]`;
}

/** `x[1, 0]`: the entry that stands at `index` of the flattened values. */
export function elementName(name: string, shape: readonly number[], index: number): string {
  const result: number[] = [];
  let rest = index;
  for (const extent of [...shape].reverse()) {
    result.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return `${name}[${result.join(', ')}]`;
}
