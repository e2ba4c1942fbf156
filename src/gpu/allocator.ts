import { newSlot, type Slot, USAGE } from './buffers.ts';
import { formatBytes, OutOfMemoryError } from './errors.ts';
import type { Failure } from './failures.ts';

const STORAGE_USAGE = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;

/** What making a buffer needs to know of the pool and the device around it. */
export interface AllocatorHost {
  /** Caches that name a buffer let it go. */
  readonly onForget: (buffer: GPUBuffer) => void;
  /** How often work that names new buffers had to go to the GPU without its answer. */
  readonly forced: () => number;
  readonly onOutOfMemory: (error: OutOfMemoryError) => Failure;
  /** The GPU has answered for every buffer. */
  readonly onAnswered: () => void;
}

/** The pool's side: what it holds, and what it can give back. */
interface Holder {
  readonly heldBytes: number;
  /** Destroys the idle buffers. */
  trim(): void;
}

/**
 * Makes buffers. Whether there is room the GPU says later, so each is made in the hope that there is; where there was none it is
 * made once more, with the memory of idle buffers given back first.
 */
export class Allocator {
  readonly #device: GPUDevice;
  readonly #host: AllocatorHost;
  readonly #holder: Holder;
  #made = 0;
  /** Buffers of which the GPU has not said whether there is room. */
  #unanswered = 0;
  /** Resolves when the GPU has answered for all buffers so far. */
  settled: Promise<void> = Promise.resolve();
  /** What the last of them failed with: one cause, one error. */
  #failure: Failure | null = null;

  constructor(device: GPUDevice, host: AllocatorHost, holder: Holder) {
    this.#device = device;
    this.#host = host;
    this.#holder = holder;
  }

  /** Whether the GPU has still to say if there is room for a buffer. */
  get waiting(): boolean {
    return this.#unanswered > 0;
  }

  /** Refuses what no buffer of this device can have. */
  assertPossible(size: number, bytes: number, what: string): void {
    const limit = this.#device.limits.maxBufferSize;
    if (size > limit)
      throw new OutOfMemoryError(
        `${what}: needs a buffer of ${formatBytes(bytes)}, this device makes at most ${formatBytes(limit)}.`,
      );
  }

  /** @param what names it in an error that says how many `bytes` were asked for */
  make(size: number, bytes: number, what: string): Slot {
    const [buffer, failed] = this.#create(size);
    const slot = newSlot(this.#made++, buffer, size, []);
    this.#unanswered++;
    const forced = this.#host.forced();
    const settle = async (): Promise<void> => {
      if ((await failed) && !(await this.#again(slot, forced))) this.#fail(slot, what, bytes);
      slot.tenants = null;
      if (--this.#unanswered > 0) return;
      this.#failure = null;
      this.#host.onAnswered();
    };
    this.settled = Promise.all([this.settled, settle()]).then(() => {});
    return slot;
  }

  async #again(slot: Slot, forced: number): Promise<boolean> {
    this.#holder.trim();
    if (this.#host.forced() !== forced) return false;
    const [buffer, failed] = this.#create(slot.bytes);
    // Work that had to be submitted meanwhile names the first buffer.
    if ((await failed) || this.#host.forced() !== forced) {
      buffer.destroy();
      return false;
    }
    this.#host.onForget(slot.buffer);
    slot.buffer = buffer;
    return true;
  }

  #fail(slot: Slot, what: string, bytes: number): void {
    const { maxBufferSize } = this.#device.limits;
    const held = formatBytes(this.#holder.heldBytes - slot.bytes);
    this.#failure ??= this.#host.onOutOfMemory(
      new OutOfMemoryError(
        `${what}: the GPU has no room for ${formatBytes(bytes)} beside ${held} that are held, ` +
          `even without idle buffers (one buffer may have ${formatBytes(maxBufferSize)}); ` +
          'dispose() of tensors, work in a scope(), or take fewer rows at a time.',
      ),
    );
    slot.failure = this.#failure;
    for (const contents of slot.tenants ?? []) contents.failure = slot.failure;
  }

  #create(size: number): [buffer: GPUBuffer, failed: Promise<boolean>] {
    this.#device.pushErrorScope('out-of-memory');
    const buffer = this.#device.createBuffer({ size, usage: STORAGE_USAGE });
    const failed = this.#device.popErrorScope().then(
      (error) => error !== null,
      () => false, // the device is gone: its own log says so
    );
    return [buffer, failed];
  }
}
