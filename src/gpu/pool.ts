import { collectGarbage } from '#platform';
import { Allocator, type AllocatorHost } from './allocator.ts';
import { newSlot, putInOrder, type Reserve, SHAPE_ONLY, type Slot, Storage, sizeClass } from './buffers.ts';
import { newContents } from './failures.ts';
import { KnownRanges } from './ranges.ts';
import { Tenants } from './tenants.ts';

/** Bytes held from which on it may be that tensors were dropped. */
const CROWDED = 2 ** 28;
const MOST_ABANDONED = 8192;

/** Live and idle GPU memory in bytes. */
export interface MemoryReport {
  /** Bytes of the buffers that somebody holds. */
  readonly bytes: number;
  /** Highest `bytes` since `resetPeakMemory()`. */
  readonly peakBytes: number;
  /** Bytes of idle buffers, kept to be handed out again, and of textures that operands of products are copied to. */
  readonly pooledBytes: number;
  /** Number of buffers that somebody holds. */
  readonly buffers: number;
}

/** What the pool needs to know of the device around it. */
export interface PoolHost extends AllocatorHost {
  /** What the queue keeps operands in. */
  readonly textures: () => { readonly bytes: number; destroy(): void } | null;
  /** Runs `fn` after the submit of encoded work that names this slot. */
  readonly afterUse: (slot: { readonly usedAt: number }, fn: () => void) => void;
}

/**
 * Storage buffers by size, handed out again after release.
 *
 * All work goes to one queue in the order in which it is encoded, so a later dispatch may reuse a released buffer at
 * once. Only `queue.writeBuffer` overtakes encoded work: `Queue.write` takes care of that.
 */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #free = new Map<number, Slot[]>();
  readonly #live = new Tenants<Storage, Slot>((slot) => {
    this.#comesBack(slot);
    this.#crowdedAt = Math.max(CROWDED, 2 * this.#liveBytes);
  });
  #liveBytes = 0;
  #peak = 0;
  #idleBytes = 0;
  /** @internal For tests, too. */
  readonly reserves = new Set<Reserve>();
  #source: Reserve | typeof SHAPE_ONLY | null = null;
  #crowdedAt = CROWDED;
  /** Since the last collection that they made necessary. */
  #abandoned = { bytes: 0, buffers: 0 };
  readonly #capBytes: number;
  readonly ranges = new KnownRanges();
  /** Set by tests: fills a released buffer, so that a read after release shows. */
  poison: ((storage: Storage) => void) | null = null;
  readonly #host: PoolHost;
  readonly allocator: Allocator;

  constructor(device: GPUDevice, host: PoolHost, capBytes = 2 ** 30) {
    this.#device = device;
    this.#host = host;
    this.#capBytes = capBytes;
    this.allocator = new Allocator(device, host, this);
  }

  /** Uninitialised storage of at least `bytes`; `what` names it in an error. */
  acquire(bytes: number, what: string, uploaded = false): Storage {
    const size = this.#sizeOf(bytes);
    const rounded = Math.ceil(bytes / 16) * 16;
    const source = this.#source;
    if (source === SHAPE_ONLY) {
      const nowhere = newSlot(-1, null as unknown as GPUBuffer, size, null);
      nowhere.uploaded = uploaded;
      return new Storage(this, nowhere, null, 0, rounded, what);
    }
    const slot = (uploaded ? null : this.#reserved(size)) ?? this.#idleSlot(size) ?? this.#newSlot(size, bytes, what);
    slot.uploaded = uploaded && source !== null;
    slot.reserve = source;
    source?.slots.add(slot);
    const storage = new Storage(this, slot, null, 0, rounded, what);
    slot.tenants?.push(storage.contents);
    this.#live.add(storage, slot);
    this.#liveBytes += size;
    this.#peak = Math.max(this.#peak, this.heldBytes);
    return storage;
  }

  /** Runs `fn` with its memory taken from a reserve of its own, or of shapes only. */
  within<T>(source: Reserve | typeof SHAPE_ONLY, fn: () => T): T {
    const before = this.#source;
    this.#source = source;
    if (source !== SHAPE_ONLY) this.reserves.add(source);
    try {
      return fn();
    } finally {
      this.#source = before;
    }
  }

  /** What a reserve holds is everybody's again, at once or as soon as it is released. */
  close(reserve: Reserve): void {
    if (!this.reserves.delete(reserve)) return;
    const held = new Set(this.#live.slots());
    for (const slot of reserve.slots) {
      slot.reserve = null;
      if (!held.has(slot)) this.#makeIdle(slot);
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
    for (const { bytes } of this.#live.evict(reserve.slots)) this.#liveBytes -= bytes;
    for (const slot of reserve.slots) {
      slot.reserve = null;
      this.#leave(slot);
    }
    reserve.slots.clear();
    reserve.idle.clear();
  }

  /** As `abandon`, as soon as nobody holds this memory any more. */
  lend({ slot }: Storage): void {
    if (slot) slot.lent = true;
  }

  #leave({ bytes }: Slot): void {
    this.#abandoned.bytes += bytes;
    this.#abandoned.buffers++;
    if (this.#abandoned.bytes <= CROWDED && this.#abandoned.buffers <= MOST_ABANDONED) return;
    this.#abandoned = { bytes: 0, buffers: 0 };
    collectGarbage(); // which would not come for their sake
  }

  /** A view of a buffer that is not ours: never pooled, never destroyed. */
  wrap(buffer: GPUBuffer, offset: number, bytes: number): Storage {
    const contents = buffer ? this.ranges.at(buffer, offset, bytes) : newContents(); // a stand-in has no buffer
    return new Storage(this, null, buffer, offset, bytes, '', contents);
  }

  giveBack(storage: Storage): void {
    const { slot } = storage;
    if (!slot && storage.buffer) this.#host.onForget(storage.buffer); // its owner may want the memory back
    if (!slot || !this.#live.delete(storage)) return;
    if (this.#source === null) this.poison?.(storage);
    this.#comesBack(slot);
  }

  /** @internal See `Storage.expose`. */
  keep(storage: Storage): void {
    this.#live.keep(storage);
    this.ranges.own(storage.buffer, storage.bytes, storage.contents);
  }

  #comesBack(slot: Slot): void {
    this.#liveBytes -= slot.bytes;
    const { reserve } = slot;
    if (!reserve) return this.#makeIdle(slot);
    reserve.idleBytes += slot.bytes;
    reserve.idleCount++;
    if (!slot.uploaded) putInOrder(reserve.idle, slot);
  }

  #makeIdle(slot: Slot): void {
    if (slot.lent) return this.#leave(slot);
    if (slot.failure || this.#idleBytes + slot.bytes > this.#capBytes) {
      this.#destroy(slot);
      return;
    }
    this.#idleBytes += slot.bytes;
    putInOrder(this.#free, slot);
  }

  /** What is released within a reserve stays out of everybody else's reach, so it is held. */
  get heldBytes(): number {
    let bytes = this.#liveBytes;
    for (const reserve of this.reserves) bytes += reserve.idleBytes;
    return bytes;
  }

  /** What somebody holds now. */
  held(): ReadonlySet<Storage> {
    return new Set(this.#live);
  }

  report(): MemoryReport {
    let buffers = this.#live.size;
    for (const reserve of this.reserves) buffers += reserve.idleCount;
    return {
      bytes: this.heldBytes,
      peakBytes: this.#peak,
      pooledBytes: this.#idleBytes + (this.#host.textures()?.bytes ?? 0),
      buffers,
    };
  }

  resetPeak(): void {
    this.#peak = this.heldBytes;
  }

  /** Destroys the idle buffers and the textures. */
  trim(): void {
    for (const slots of this.#free.values()) for (const slot of slots) this.#destroy(slot);
    this.#free.clear();
    this.#idleBytes = 0;
    this.#host.textures()?.destroy();
  }

  destroyAll(): void {
    this.trim();
    for (const { buffer } of this.#live.slots()) buffer.destroy();
    for (const { slots } of this.reserves) for (const { buffer } of slots) buffer.destroy();
    this.#live.clear();
    this.reserves.clear();
    this.#liveBytes = 0;
  }

  #reserved(size: number): Slot | undefined {
    const source = this.#source;
    if (source === null || source === SHAPE_ONLY) return undefined;
    const slot = source.idle.get(size)?.pop();
    if (slot) {
      source.idleBytes -= size;
      source.idleCount--;
    }
    return slot;
  }

  #idleSlot(size: number): Slot | undefined {
    const slot = this.#free.get(size)?.pop();
    if (slot) this.#idleBytes -= size;
    return slot;
  }

  #newSlot(size: number, bytes: number, what: string): Slot {
    this.allocator.assertPossible(size, bytes, what);
    if (this.#liveBytes > this.#crowdedAt) {
      collectGarbage(); // what was dropped comes back in a later turn, and sets this anew
      this.#crowdedAt = 2 * this.#liveBytes;
    }
    return this.allocator.make(size, bytes, what);
  }

  #destroy(slot: Slot): void {
    const { buffer } = slot;
    this.#host.onForget(buffer);
    // A buffer destroyed while unsubmitted work still names it makes that submit fail.
    this.#host.afterUse(slot, () => buffer.destroy());
  }

  /** Its size class, unless only the rounding up is more than the device allows. */
  #sizeOf(bytes: number): number {
    const size = sizeClass(bytes);
    const limit = this.#device.limits.maxBufferSize;
    return size > limit && Math.ceil(bytes / 16) * 16 <= limit ? Math.floor(limit / 16) * 16 : size;
  }
}
