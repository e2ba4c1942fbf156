import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let gc: (() => void) | null | undefined;

/**
 * Collects garbage now. V8 sees a few hundred bytes where a GPUBuffer or a GPUBindGroup is dropped, and none of the memory
 * behind it: left alone it collects them after tens of thousands, by when a driver may have run out of something.
 */
export function collectGarbage(): void {
  if (gc === undefined) gc = find();
  gc?.();
}

/** V8 hands its collector out where a flag asks for it, to contexts made after that. */
function find(): (() => void) | null {
  try {
    setFlagsFromString('--expose-gc');
    const found: unknown = runInNewContext('gc');
    setFlagsFromString('--no-expose-gc');
    return typeof found === 'function' ? (found as () => void) : null;
  } catch {
    return null; // another runtime, which has its own ways
  }
}
