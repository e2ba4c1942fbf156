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

/**
 * Looks for bad values where only the GPU can see them (`check: true`). Each question gets a slot in which its kernel
 * leaves the first bad index; the slots are read with the next read of anything.
 */
export class Inspector {
  private readonly engine: Engine;
  private found: Storage | null = null;
  private questions: Question[] = [];

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
    if (this.questions.length === 0) return;
    const { questions } = this;
    const found = this.slots();
    this.questions = [];
    this.found = null;
    try {
      const answers = new Uint32Array(await this.engine.readStorage('check', found, 4 * questions.length));
      questions.forEach(({ sentence }, slot) => {
        if (answers[slot] !== NOTHING) throw new GramianError(sentence(answers[slot]));
      });
    } finally {
      found.release();
    }
  }

  private ask(question: Question): number {
    // More questions than slots before a read: the oldest answers stay, the newest share the last slot.
    if (this.questions.length === SLOTS) return SLOTS - 1;
    return this.questions.push(question) - 1;
  }

  private slots(): Storage {
    if (!this.found) {
      this.found = this.engine.scratch(SLOTS, 'check');
      this.engine.fillBits(this.found, SLOTS, NOTHING);
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
