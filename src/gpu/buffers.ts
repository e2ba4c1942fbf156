import { GramianError } from './errors.ts';
import { type Contents, type Failure, newContents } from './failures.ts';

// WebGPU's usage flags by number: outside browsers the globals of that name need not exist.
export const USAGE = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128, INDIRECT: 256 } as const;

/** Who hands it out. */
interface Owner {
  giveBack(storage: Storage): void;
  keep(storage: Storage): void;
}

/** A GPUBuffer that the pool made, with what it must know to hand it out again. */
export interface Slot {
  readonly id: number;
  /** Another one after a first try for which the GPU had no room. */
  buffer: GPUBuffer;
  readonly bytes: number;
  /** The submit that last names the buffer: an upload must not overtake it. */
  usedAt: number;
  /** The captured work that has it to itself. */
  reserve: Reserve | null;
  /** Written from the CPU while work was captured: a replay finds the numbers again, so nobody else may write there. */
  uploaded: boolean;
  /** What was kept there while the GPU had not said whether there is room; null once it has. */
  tenants: Contents[] | null;
  /** Named by command buffers of others, which may be submitted at any time. */
  lent: boolean;
  /** Why there is no memory: never handed out again. */
  failure: Failure | null;
}

/** A slot that nobody has named yet. */
export function newSlot(id: number, buffer: GPUBuffer, bytes: number, tenants: Contents[] | null): Slot {
  return { id, buffer, bytes, usedAt: -1, reserve: null, uploaded: false, tenants, lent: false, failure: null };
}

/**
 * Buffers of captured work: what it releases is handed out again only within it, until it is closed. Otherwise somebody
 * else would write into them between two replays.
 */
export class Reserve {
  readonly slots = new Set<Slot>();
  /** Released, and not uploaded to. */
  readonly idle = new Map<number, Slot[]>();
  /** Bytes and number of all that is released. */
  idleBytes = 0;
  idleCount = 0;
}

/** No memory at all: for work that is looked at and not run. */
export const SHAPE_ONLY = 'shapeOnly';

/**
 * One stay of some data in GPU memory. Every `acquire` makes a new one, so a stale handle can be told from the buffer's
 * next tenant. Counted: a tensor holds one reference, each tape node that needs the value for its gradient another.
 */
export class Storage {
  references = 1;
  #watchers = 0;
  /** Its number in `Tenants`. */
  tenancy = -1;
  readonly offset: number;
  /** Bytes bound: a multiple of 4, at most the buffer's size. */
  readonly bytes: number;
  readonly slot: Slot | null;
  /** What this is a range of; it lives and dies with that. */
  readonly whole: Storage | null;
  /** The op that it was acquired for. */
  readonly what: string;
  /** What is known of the numbers; a range shares that of its whole. */
  readonly contents: Contents;
  readonly #pool: Owner;
  readonly #given: GPUBuffer | null;

  constructor(
    pool: Owner,
    slot: Slot | null,
    given: GPUBuffer | null,
    offset: number,
    bytes: number,
    what: string,
    contents: Contents = newContents(),
    whole: Storage | null = null,
  ) {
    this.what = what;
    this.#pool = pool;
    this.slot = slot;
    this.#given = given;
    this.offset = offset;
    this.bytes = bytes;
    this.contents = contents;
    this.whole = whole;
  }

  get buffer(): GPUBuffer {
    return this.slot ? this.slot.buffer : (this.#given as GPUBuffer);
  }

  get alive(): boolean {
    return (this.whole ?? this).references > 0;
  }

  /** Whether one owner has it alone. */
  get unshared(): boolean {
    return this.references - this.#watchers === 1;
  }

  /** Holds it as `retain` does, for somebody who looks on: its owner, who might write into it, still has it alone. */
  watch(): this {
    this.#watchers++;
    return this.retain();
  }

  unwatch(): void {
    this.#watchers--;
    this.release();
  }

  /** The part of it to bind: `offset` bytes from its start, a multiple of 256. */
  range(offset: number, bytes: number): Storage {
    const { slot, what, contents } = this;
    const pool = this.#pool;
    const given = this.#given;
    return new Storage(pool, slot, given, this.offset + offset, bytes, what, contents, this.whole ?? this);
  }

  retain(): this {
    if (this.whole) {
      this.whole.retain();
      return this;
    }
    if (!this.alive) throw new GramianError('storage: retained after its release, expected a live one.');
    this.references++;
    return this;
  }

  release(): void {
    if (this.whole) this.whole.release();
    else if (this.references > 0 && --this.references === 0) this.#pool.giveBack(this);
  }

  /** The buffer for somebody else's hands: it stays theirs until a release, even where nobody holds this any more. */
  expose(): GPUBuffer {
    this.#pool.keep(this.whole ?? this);
    return this.buffer;
  }
}

/**
 * The oldest goes out first, whatever the order of release: equal steps then get equal buffers, so that their bind groups
 * are found in the cache. Last in, first out would permute the buffers from step to step.
 */
export function putInOrder(idle: Map<number, Slot[]>, slot: Slot): void {
  const slots = idle.get(slot.bytes) ?? [];
  let at = slots.length;
  while (at > 0 && slots[at - 1].id < slot.id) at--;
  slots.splice(at, 0, slot);
  idle.set(slot.bytes, slots);
}

/** Sizes are rounded up so that buffers can be shared: to 256 bytes, then to an eighth of a power of two. */
export function sizeClass(bytes: number): number {
  const step = Math.max(256, 2 ** Math.floor(Math.log2(Math.max(bytes, 1))) / 8);
  return Math.max(256, Math.ceil(bytes / step) * step);
}
