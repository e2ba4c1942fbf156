import type { Storage } from '../gpu/buffers.ts';

const MOST = 256;

/** Numbers that kernels read from a buffer: equal ones share one, and it is kept, since most are asked for at every step. */
export class Constants {
  readonly #make: (value: number) => Storage;
  readonly #known = new Map<number, Storage>();
  readonly #lasting = new Set<number>();

  constructor(make: (value: number) => Storage) {
    this.#make = make;
  }

  /** @param lasting for captured work, which must find the same buffer again */
  get(value: number, lasting: boolean): Storage {
    if (lasting) this.#lasting.add(value);
    let storage = this.#known.get(value);
    if (!storage) {
      // A number that changes from step to step must not fill the memory.
      if (this.#known.size - this.#lasting.size >= MOST) this.#forget();
      storage = this.#make(value);
      this.#known.set(value, storage);
    }
    return storage;
  }

  /** Work that is not submitted may name these buffers, so they are left to the garbage collector. */
  #forget(): void {
    for (const [value, storage] of this.#known) {
      if (this.#lasting.has(value)) continue;
      this.#known.delete(value);
      storage.release();
    }
  }

  destroy(): void {
    for (const { buffer } of this.#known.values()) buffer.destroy();
    this.#known.clear();
  }
}
