const LEAST_MS = 5; // shorter submits say more of the way to the GPU than of the GPU

/** How much the adapter does in a millisecond: a guess, then learnt from the submits. */
export class AdapterSpeed {
  /** Multiply-adds, or their like. */
  workPerMs: number;
  #inFlight = 0;

  constructor(guess: number) {
    this.workPerMs = guess;
  }

  /**
   * Learns from a submit that has just gone out, if it has the GPU to itself and runs long enough to tell.
   * @param done settles when the GPU has done it
   */
  learn(work: number, done: Promise<unknown>): void {
    const alone = this.#inFlight === 0;
    const start = performance.now();
    this.#inFlight++;
    done.then(
      () => {
        this.#inFlight--;
        const ms = performance.now() - start;
        if (!alone || ms <= LEAST_MS || work <= this.workPerMs) return;
        this.workPerMs += (Math.min(work / ms, 4 * this.workPerMs) - this.workPerMs) / 4;
      },
      () => {
        this.#inFlight--;
      },
    );
  }
}
