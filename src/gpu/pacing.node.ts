// In milliseconds: short naps first, so that short work is noticed at once.
const SHORTEST_NAP = 0.05;
const LONGEST_NAP = 0.5;
const never = new Int32Array(new SharedArrayBuffer(4));
let awaited = 0;
let napping = false;
let nextNap = SHORTEST_NAP;

/**
 * Naps between two turns of the event loop until `done` settles. dawn.node polls for the end of GPU work: while one of its
 * promises is pending the loop spins, and on a software adapter takes a core from the threads that compute (NT-Xent of
 * 512 rows on two cores: 14 ms a step, with naps 7).
 */
export function pace(done: Promise<unknown>): void {
  const ended = (): void => {
    awaited--;
  };
  done.then(ended, ended);
  awaited++;
  nextNap = SHORTEST_NAP;
  if (!napping) setImmediate(nap);
  napping = true;
}

function nap(): void {
  napping = awaited > 0;
  if (!napping) return;
  Atomics.wait(never, 0, 0, nextNap);
  nextNap = Math.min(2 * nextNap, LONGEST_NAP);
  setImmediate(nap);
}
