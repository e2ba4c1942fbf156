import type { Storage } from '../gpu/buffers.ts';
import { GramianError } from '../gpu/errors.ts';
import { inspect_directions, inspect_finite } from '../gpu/kernels.generated.ts';
import type { Engine } from './engine.ts';
import type { Tensor } from './tensor.ts';

const SLOTS = 1024;
const NOTHING = 0xffffffff;

interface Question {
  readonly sentence: (index: number) => string;
}

/** Questions of recorded work, and where their answers lie: asked again at every replay. */
export interface Watch {
  readonly found: Storage;
  readonly questions: readonly Question[];
}

/**
 * Looks for bad values where only the GPU can see them (`check: true`). Each question gets a slot in which its kernel
 * leaves the first bad index; the slots are read with the next read of anything.
 */
export class Inspector {
  private readonly engine: Engine;
  private found: Storage | null = null;
  private questions: Question[] = [];
  private apart = false;
  /** Those asked since the last report. */
  private watches = new Set<Watch>();

  constructor(engine: Engine) {
    this.engine = engine;
  }

  finite(op: string, tensors: Readonly<Record<string, Tensor>>): void {
    for (const [name, tensor] of Object.entries(tensors)) {
      const { shape } = tensor;
      const sentence = (index: number) => `${op}: ${name}[${coordinates(index, shape).join(', ')}] is not finite.`;
      const slot = this.ask({ sentence });
      this.engine.run(inspect_finite, {
        params: { count: tensor.size, slot },
        buffers: { values: tensor, found: this.slots() },
        groups: Math.ceil(tensor.size / 256),
        work: tensor.size,
      });
    }
  }

  directions(op: string, nameOf: (row: number) => string, inverseNorms: Storage, rows: number): void {
    const slot = this.ask({ sentence: (row) => `${op}: ${nameOf(row)} has length 0, so it has no direction.` });
    this.engine.run(inspect_directions, {
      params: { count: rows, slot },
      buffers: { inverse_norms: inverseNorms, found: this.slots() },
      groups: Math.ceil(rows / 256),
      work: rows,
    });
  }

  /** Throws the first answer that is bad. */
  async report(): Promise<void> {
    const asked = [...this.watches];
    if (this.questions.length > 0) asked.push({ found: this.slots(), questions: this.questions });
    this.watches.clear();
    this.questions = [];
    this.found = null;
    // All reads are recorded before anything is awaited: a replay meanwhile starts with answers of its own.
    const reads = asked.map(({ found, questions }) => this.engine.readStorage('check', found, 4 * questions.length));
    try {
      const answers = (await Promise.all(reads)).map((bytes) => new Uint32Array(bytes));
      asked.forEach(({ questions }, i) => {
        questions.forEach(({ sentence }, slot) => {
          if (answers[i][slot] !== NOTHING) throw new GramianError(sentence(answers[i][slot]));
        });
      });
    } finally {
      for (const { found } of asked) found.release();
    }
  }

  /** Runs `fn` with its questions apart from all others; null where it asks nothing. */
  watchingApart(fn: () => void): Watch | null {
    const before = [this.found, this.questions] as const;
    this.found = null;
    this.questions = [];
    this.apart = true;
    try {
      fn();
      return this.found && { found: this.found, questions: this.questions };
    } catch (error) {
      (this.found as Storage | null)?.release();
      throw error;
    } finally {
      this.apart = false;
      [this.found, this.questions] = before;
    }
  }

  /** Before the launches of a replay: its answers wait for the next report. */
  expect(watch: Watch): void {
    if (this.watches.has(watch)) return;
    this.watches.add(watch);
    watch.found.retain();
    this.engine.fillBits(watch.found, SLOTS, NOTHING);
  }

  private ask(question: Question): number {
    // More questions than slots before a read: the oldest answers stay, the newest share the last slot.
    if (this.questions.length === SLOTS) return SLOTS - 1;
    return this.questions.push(question) - 1;
  }

  private slots(): Storage {
    if (!this.found) {
      this.found = this.engine.scratch(SLOTS, 'check');
      if (!this.apart) this.engine.fillBits(this.found, SLOTS, NOTHING);
    }
    return this.found;
  }
}

function coordinates(index: number, shape: readonly number[]): number[] {
  const result: number[] = [];
  let rest = index;
  for (const extent of [...shape].reverse()) {
    result.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return result;
}
