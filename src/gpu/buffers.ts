import { formatBytes, GramianError, OutOfMemoryError } from './errors.ts';

// WebGPU's usage flags by number: outside browsers the globals of that name need not exist.
export const USAGE = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128, INDIRECT: 256 } as const;

const STORAGE_USAGE = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;

/** A GPUBuffer that the pool made, with what it must know to hand it out again. */
interface Slot {
  readonly id: number;
  readonly buffer: GPUBuffer;
  readonly bytes: number;
  /** The submit that last names the buffer: an upload must not overtake it. */
  usedAt: number;
  /** The recorded work that has it to itself. */
  reserve: Reserve | null;
  /** Written from the CPU while work was recorded: a replay finds the numbers again, so nobody else may write there. */
  uploaded: boolean;
}

/**
 * Buffers of recorded work: what it releases is handed out again only within it, until it is closed. Otherwise somebody
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
export const IMAGINED = 'imagined';

/**
 * One stay of some data in GPU memory. Every `acquire` makes a new one, so a stale handle can be told from the buffer's
 * next tenant. Counted: a tensor holds one reference, each tape node that needs the value for its gradient another.
 */
export class Storage {
  references = 1;
  readonly buffer: GPUBuffer;
  readonly offset: number;
  /** Bytes bound: a multiple of 4, at most the buffer's size. */
  readonly bytes: number;
  readonly slot: Slot | null;
  /** What this is a range of; it lives and dies with that. */
  readonly whole: Storage | null;
  /** The op that it was acquired for. */
  readonly what: string;
  private readonly pool: BufferPool;

  constructor(
    pool: BufferPool,
    slot: Slot | null,
    buffer: GPUBuffer,
    offset: number,
    bytes: number,
    what: string,
    whole: Storage | null = null,
  ) {
    this.what = what;
    this.pool = pool;
    this.slot = slot;
    this.buffer = buffer;
    this.offset = offset;
    this.bytes = bytes;
    this.whole = whole;
  }

  get alive(): boolean {
    return (this.whole ?? this).references > 0;
  }

  /** The part of it to bind: `offset` bytes from its start, a multiple of 256. */
  range(offset: number, bytes: number): Storage {
    return new Storage(this.pool, this.slot, this.buffer, this.offset + offset, bytes, this.what, this.whole ?? this);
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
    else if (this.references > 0 && --this.references === 0 && this.slot) this.pool.giveBack(this);
  }
}

/** Live and idle GPU memory in bytes. */
export interface MemoryReport {
  /** Bytes of the buffers that somebody holds. */
  readonly bytes: number;
  /** Highest `bytes` since `resetPeakMemory()`. */
  readonly peakBytes: number;
  /** Bytes of idle buffers, kept to be handed out again. */
  readonly pooledBytes: number;
  /** Number of buffers that somebody holds. */
  readonly buffers: number;
}

/**
 * Storage buffers by size, handed out again after release.
 *
 * All work goes to one queue in the order in which it is recorded, so a later dispatch may reuse a released buffer at
 * once. Only `queue.writeBuffer` overtakes recorded work: an upload therefore asks for a buffer that no unsubmitted work
 * names (`acquireForUpload`), or it would change what an earlier dispatch reads.
 */
export class BufferPool {
  private readonly device: GPUDevice;
  private readonly free = new Map<number, Slot[]>();
  private readonly live = new Set<Storage>();
  private liveBytes = 0;
  private peak = 0;
  private idleBytes = 0;
  /** @internal For tests, too. */
  readonly reserves = new Set<Reserve>();
  private source: Reserve | typeof IMAGINED | null = null;
  private made = 0;
  private readonly capBytes: number;
  /** Buffers that the GPU had no room for: invalid, so never handed out again. */
  private readonly broken = new WeakSet<GPUBuffer>();
  /** Called with a buffer about to be destroyed: caches that name it let it go. */
  onDestroy: (buffer: GPUBuffer) => void = () => {};
  /** Set by tests: fills a released buffer, so that a read after release shows. */
  poison: ((storage: Storage) => void) | null = null;
  /** The submit being recorded, and a way to send it now. */
  readonly submits: { readonly current: () => number; readonly flush: () => void };
  onOutOfMemory: (error: OutOfMemoryError) => void = () => {};

  constructor(device: GPUDevice, submits: BufferPool['submits'], capBytes = 2 ** 30) {
    this.device = device;
    this.submits = submits;
    this.capBytes = capBytes;
  }

  /** Uninitialised storage of at least `bytes`; `what` names it in an error. */
  acquire(bytes: number, what: string, uploaded = false): Storage {
    const size = this.sizeOf(bytes);
    const rounded = Math.ceil(bytes / 16) * 16;
    const { source } = this;
    if (source === IMAGINED) {
      const buffer = null as unknown as GPUBuffer;
      return new Storage(
        this,
        { id: -1, buffer, bytes: size, usedAt: -1, reserve: null, uploaded },
        buffer,
        0,
        rounded,
        what,
      );
    }
    const slot = (uploaded ? null : this.reserved(size)) ?? this.idleSlot(size) ?? this.newSlot(size, bytes, what);
    slot.uploaded = uploaded && source !== null;
    slot.reserve = source;
    source?.slots.add(slot);
    const storage = new Storage(this, slot, slot.buffer, 0, rounded, what);
    this.live.add(storage);
    this.liveBytes += size;
    this.peak = Math.max(this.peak, this.heldBytes);
    return storage;
  }

  /** As `acquire`, but safe to write from the CPU now. */
  acquireForUpload(bytes: number, what: string): Storage {
    const storage = this.acquire(bytes, what, true);
    if (storage.slot && storage.slot.usedAt >= this.submits.current()) this.submits.flush();
    return storage;
  }

  /** Runs `fn` with its memory taken from a reserve of its own, or imagined. */
  within<T>(source: Reserve | typeof IMAGINED, fn: () => T): T {
    const before = this.source;
    this.source = source;
    if (source !== IMAGINED) this.reserves.add(source);
    try {
      return fn();
    } finally {
      this.source = before;
    }
  }

  /** What a reserve holds is everybody's again, at once or as soon as it is released. */
  close(reserve: Reserve): void {
    if (!this.reserves.delete(reserve)) return;
    const held = new Set([...this.live].map(({ slot }) => slot));
    for (const slot of reserve.slots) {
      slot.reserve = null;
      if (!held.has(slot)) this.makeIdle(slot);
    }
    reserve.slots.clear();
    reserve.idle.clear();
  }

  /** A view of a buffer that is not ours: never pooled, never destroyed. */
  wrap(buffer: GPUBuffer, offset: number, bytes: number): Storage {
    return new Storage(this, null, buffer, offset, bytes, '');
  }

  giveBack(storage: Storage): void {
    const { slot } = storage;
    if (!slot || !this.live.delete(storage)) return;
    this.liveBytes -= slot.bytes;
    if (this.source === null) this.poison?.(storage);
    const { reserve } = slot;
    if (!reserve) return this.makeIdle(slot);
    reserve.idleBytes += slot.bytes;
    reserve.idleCount++;
    if (!slot.uploaded) putInOrder(reserve.idle, slot);
  }

  private makeIdle(slot: Slot): void {
    if (this.broken.has(slot.buffer) || this.idleBytes + slot.bytes > this.capBytes) {
      this.destroy(slot);
      return;
    }
    this.idleBytes += slot.bytes;
    putInOrder(this.free, slot);
  }

  /** What is released within a reserve stays out of everybody else's reach, so it is held. */
  private get heldBytes(): number {
    let bytes = this.liveBytes;
    for (const reserve of this.reserves) bytes += reserve.idleBytes;
    return bytes;
  }

  /** What somebody holds now. */
  held(): ReadonlySet<Storage> {
    return new Set(this.live);
  }

  report(): MemoryReport {
    let buffers = this.live.size;
    for (const reserve of this.reserves) buffers += reserve.idleCount;
    return { bytes: this.heldBytes, peakBytes: this.peak, pooledBytes: this.idleBytes, buffers };
  }

  resetPeak(): void {
    this.peak = this.heldBytes;
  }

  /** Destroys the idle buffers. */
  trim(): void {
    for (const slots of this.free.values()) for (const slot of slots) this.destroy(slot);
    this.free.clear();
    this.idleBytes = 0;
  }

  destroyAll(): void {
    this.trim();
    for (const { slot } of this.live) slot?.buffer.destroy();
    for (const { slots } of this.reserves) for (const { buffer } of slots) buffer.destroy();
    this.live.clear();
    this.reserves.clear();
    this.liveBytes = 0;
  }

  private reserved(size: number): Slot | undefined {
    const { source } = this;
    if (source === null || source === IMAGINED) return undefined;
    const slot = source.idle.get(size)?.pop();
    if (slot) {
      source.idleBytes -= size;
      source.idleCount--;
    }
    return slot;
  }

  private idleSlot(size: number): Slot | undefined {
    const slot = this.free.get(size)?.pop();
    if (slot) this.idleBytes -= size;
    return slot;
  }

  private newSlot(size: number, bytes: number, what: string): Slot {
    const buffer = this.create(size, bytes, what);
    return { id: this.made++, buffer, bytes: size, usedAt: -1, reserve: null, uploaded: false };
  }

  private destroy(slot: Slot): void {
    // A buffer destroyed while recorded work still names it makes that submit fail.
    if (slot.usedAt >= this.submits.current()) this.submits.flush();
    this.onDestroy(slot.buffer);
    slot.buffer.destroy();
  }

  /** Its size class, unless only the rounding up is more than the device allows. */
  private sizeOf(bytes: number): number {
    const size = sizeClass(bytes);
    const limit = this.device.limits.maxBufferSize;
    return size > limit && Math.ceil(bytes / 16) * 16 <= limit ? Math.floor(limit / 16) * 16 : size;
  }

  private create(size: number, bytes: number, what: string): GPUBuffer {
    const limit = this.device.limits.maxBufferSize;
    if (size > limit)
      throw new OutOfMemoryError(
        `${what}: needs a buffer of ${formatBytes(bytes)}, this device makes at most ${formatBytes(limit)}.`,
      );
    this.device.pushErrorScope('out-of-memory');
    const buffer = this.device.createBuffer({ size, usage: STORAGE_USAGE });
    this.device.popErrorScope().then(
      (error) => {
        if (!error) return;
        this.broken.add(buffer);
        this.onOutOfMemory(new OutOfMemoryError(`${what}: the GPU has no room for ${formatBytes(bytes)}.`));
      },
      () => {}, // the device is gone: its own record says so
    );
    return buffer;
  }
}

/**
 * The oldest goes out first, whatever the order of release: equal steps then get equal buffers, so that their bind groups
 * are found in the cache. Last in, first out would permute the buffers from step to step.
 */
function putInOrder(idle: Map<number, Slot[]>, slot: Slot): void {
  const slots = idle.get(slot.bytes) ?? [];
  let at = slots.length;
  while (at > 0 && slots[at - 1].id < slot.id) at--;
  slots.splice(at, 0, slot);
  idle.set(slot.bytes, slots);
}

/** Sizes are rounded up so that buffers can be shared: to 256 bytes, then to an eighth of a power of two. */
function sizeClass(bytes: number): number {
  const step = Math.max(256, 2 ** Math.floor(Math.log2(Math.max(bytes, 1))) / 8);
  return Math.max(256, Math.ceil(bytes / step) * step);
}
