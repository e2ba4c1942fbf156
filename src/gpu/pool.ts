import { collectGarbage } from '#platform';
import { IMAGINED, putInOrder, type Reserve, type Slot, Storage, sizeClass, USAGE } from './buffers.ts';
import { formatBytes, OutOfMemoryError } from './errors.ts';
import { type Failure, newContents } from './failures.ts';
import { KnownRanges } from './ranges.ts';
import { Tenants } from './tenants.ts';

/** Bytes held from which on it may be that tensors were dropped. */
const CROWDED = 2 ** 28;
const MOST_ABANDONED = 8192;

const STORAGE_USAGE = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;

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

/** What the pool needs to know of the device around it. */
export interface PoolHost {
  /** Caches that name a buffer let it go. */
  readonly onForget: (buffer: GPUBuffer) => void;
  /** Runs `fn` after the submit of encoded work that names this slot. */
  readonly afterUse: (slot: { readonly usedAt: number }, fn: () => void) => void;
  /** How often work that names new buffers had to go to the GPU without its answer. */
  readonly forced: () => number;
  readonly onOutOfMemory: (error: OutOfMemoryError) => Failure;
  /** The GPU has answered for every buffer. */
  readonly onAnswered: () => void;
}

/**
 * Storage buffers by size, handed out again after release.
 *
 * All work goes to one queue in the order in which it is encoded, so a later dispatch may reuse a released buffer at
 * once. Only `queue.writeBuffer` overtakes encoded work: `Queue.write` takes care of that.
 */
export class BufferPool {
  private readonly device: GPUDevice;
  private readonly free = new Map<number, Slot[]>();
  private readonly live = new Tenants<Storage, Slot>((slot) => {
    this.comesBack(slot);
    this.crowdedAt = Math.max(CROWDED, 2 * this.liveBytes);
  });
  private liveBytes = 0;
  private peak = 0;
  private idleBytes = 0;
  /** @internal For tests, too. */
  readonly reserves = new Set<Reserve>();
  private source: Reserve | typeof IMAGINED | null = null;
  private made = 0;
  private crowdedAt = CROWDED;
  /** Since the last collection that they made necessary. */
  private abandoned = { bytes: 0, buffers: 0 };
  private readonly capBytes: number;
  readonly ranges = new KnownRanges();
  /** Buffers of which the GPU has not said whether there is room. */
  private unanswered = 0;
  /** Resolves when the GPU has answered for all buffers so far. */
  settled: Promise<void> = Promise.resolve();
  /** What the last of them failed with: one cause, one error. */
  private failure: Failure | null = null;
  /** Set by tests: fills a released buffer, so that a read after release shows. */
  poison: ((storage: Storage) => void) | null = null;
  private readonly host: PoolHost;

  constructor(device: GPUDevice, host: PoolHost, capBytes = 2 ** 30) {
    this.device = device;
    this.host = host;
    this.capBytes = capBytes;
  }

  /** Whether the GPU has still to say if there is room for a buffer. */
  get waiting(): boolean {
    return this.unanswered > 0;
  }

  /** Uninitialised storage of at least `bytes`; `what` names it in an error. */
  acquire(bytes: number, what: string, uploaded = false): Storage {
    const size = this.sizeOf(bytes);
    const rounded = Math.ceil(bytes / 16) * 16;
    const { source } = this;
    if (source === IMAGINED) {
      const buffer = null as unknown as GPUBuffer;
      const nowhere = {
        id: -1,
        buffer,
        bytes: size,
        usedAt: -1,
        reserve: null,
        uploaded,
        lent: false,
        tenants: null,
        failure: null,
      };
      return new Storage(this, nowhere, null, 0, rounded, what);
    }
    const slot = (uploaded ? null : this.reserved(size)) ?? this.idleSlot(size) ?? this.newSlot(size, bytes, what);
    slot.uploaded = uploaded && source !== null;
    slot.reserve = source;
    source?.slots.add(slot);
    const storage = new Storage(this, slot, null, 0, rounded, what);
    slot.tenants?.push(storage.contents);
    this.live.add(storage, slot);
    this.liveBytes += size;
    this.peak = Math.max(this.peak, this.heldBytes);
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
    const held = new Set(this.live.slots());
    for (const slot of reserve.slots) {
      slot.reserve = null;
      if (!held.has(slot)) this.makeIdle(slot);
    }
    reserve.slots.clear();
    reserve.idle.clear();
  }

  /**
   * What a reserve holds is nobody's: somebody else's command buffer may name it and be submitted later, so it is neither
   * destroyed nor handed out, and goes with the garbage collector.
   */
  abandon(reserve: Reserve): void {
    if (!this.reserves.delete(reserve)) return;
    for (const { bytes } of this.live.evict(reserve.slots)) this.liveBytes -= bytes;
    for (const slot of reserve.slots) {
      slot.reserve = null;
      this.leave(slot);
    }
    reserve.slots.clear();
    reserve.idle.clear();
  }

  /** As `abandon`, as soon as nobody holds this memory any more. */
  lend({ slot }: Storage): void {
    if (slot) slot.lent = true;
  }

  private leave({ bytes }: Slot): void {
    this.abandoned.bytes += bytes;
    this.abandoned.buffers++;
    if (this.abandoned.bytes <= CROWDED && this.abandoned.buffers <= MOST_ABANDONED) return;
    this.abandoned = { bytes: 0, buffers: 0 };
    collectGarbage(); // which would not come for their sake
  }

  /** A view of a buffer that is not ours: never pooled, never destroyed. */
  wrap(buffer: GPUBuffer, offset: number, bytes: number): Storage {
    const contents = buffer ? this.ranges.at(buffer, offset, bytes) : newContents(); // a stand-in has no buffer
    return new Storage(this, null, buffer, offset, bytes, '', contents);
  }

  giveBack(storage: Storage): void {
    const { slot } = storage;
    if (!slot && storage.buffer) this.host.onForget(storage.buffer); // its owner may want the memory back
    if (!slot || !this.live.delete(storage)) return;
    if (this.source === null) this.poison?.(storage);
    this.comesBack(slot);
  }

  /** @internal See `Storage.expose`. */
  keep(storage: Storage): void {
    this.live.keep(storage);
    this.ranges.own(storage.buffer, storage.bytes, storage.contents);
  }

  private comesBack(slot: Slot): void {
    this.liveBytes -= slot.bytes;
    const { reserve } = slot;
    if (!reserve) return this.makeIdle(slot);
    reserve.idleBytes += slot.bytes;
    reserve.idleCount++;
    if (!slot.uploaded) putInOrder(reserve.idle, slot);
  }

  private makeIdle(slot: Slot): void {
    if (slot.lent) return this.leave(slot);
    if (slot.failure || this.idleBytes + slot.bytes > this.capBytes) {
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
    for (const { buffer } of this.live.slots()) buffer.destroy();
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
    const limit = this.device.limits.maxBufferSize;
    if (size > limit)
      throw new OutOfMemoryError(
        `${what}: needs a buffer of ${formatBytes(bytes)}, this device makes at most ${formatBytes(limit)}.`,
      );
    if (this.liveBytes > this.crowdedAt) {
      collectGarbage(); // what was dropped comes back in a later turn, and sets this anew
      this.crowdedAt = 2 * this.liveBytes;
    }
    const [buffer, failed] = this.create(size);
    const slot: Slot = {
      id: this.made++,
      buffer,
      bytes: size,
      usedAt: -1,
      reserve: null,
      uploaded: false,
      lent: false,
      tenants: [],
      failure: null,
    };
    this.unanswered++;
    const forced = this.host.forced();
    const settle = async (): Promise<void> => {
      if ((await failed) && !(await this.again(slot, forced))) this.fail(slot, what, bytes);
      slot.tenants = null;
      if (--this.unanswered > 0) return;
      this.failure = null;
      this.host.onAnswered();
    };
    this.settled = Promise.all([this.settled, settle()]).then(() => {});
    return slot;
  }

  /** A second try, with the memory of idle buffers given back first. */
  private async again(slot: Slot, forced: number): Promise<boolean> {
    this.trim();
    if (this.host.forced() !== forced) return false;
    const [buffer, failed] = this.create(slot.bytes);
    // Work that had to be submitted meanwhile names the first buffer.
    if ((await failed) || this.host.forced() !== forced) {
      buffer.destroy();
      return false;
    }
    this.host.onForget(slot.buffer);
    slot.buffer = buffer;
    return true;
  }

  private fail(slot: Slot, what: string, bytes: number): void {
    const { maxBufferSize } = this.device.limits;
    this.failure ??= this.host.onOutOfMemory(
      new OutOfMemoryError(
        `${what}: the GPU has no room for ${formatBytes(bytes)} beside ${formatBytes(this.heldBytes - slot.bytes)} that are held, ` +
          `even without idle buffers (one buffer may have ${formatBytes(maxBufferSize)}); ` +
          'dispose() of tensors, work in a scope(), or take fewer rows at a time.',
      ),
    );
    slot.failure = this.failure;
    for (const contents of slot.tenants ?? []) contents.failure = slot.failure;
  }

  private create(size: number): [buffer: GPUBuffer, failed: Promise<boolean>] {
    this.device.pushErrorScope('out-of-memory');
    const buffer = this.device.createBuffer({ size, usage: STORAGE_USAGE });
    const failed = this.device.popErrorScope().then(
      (error) => error !== null,
      () => false, // the device is gone: its own log says so
    );
    return [buffer, failed];
  }

  private destroy(slot: Slot): void {
    const { buffer } = slot;
    this.host.onForget(buffer);
    // A buffer destroyed while unsubmitted work still names it makes that submit fail.
    this.host.afterUse(slot, () => buffer.destroy());
  }

  /** Its size class, unless only the rounding up is more than the device allows. */
  private sizeOf(bytes: number): number {
    const size = sizeClass(bytes);
    const limit = this.device.limits.maxBufferSize;
    return size > limit && Math.ceil(bytes / 16) * 16 <= limit ? Math.floor(limit / 16) * 16 : size;
  }
}
