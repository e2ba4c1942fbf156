// Every kernel in every form that an op asks for.
import type { Engine } from '../src/core/engine.ts';
import type { KernelSource, Tuning } from '../src/gpu/kernel.ts';
import { tileFor, tileOf } from '../src/launch/tile.ts';
import { kernelNames, readKernel } from './generate.ts';

export interface Variant {
  readonly kernel: KernelSource;
  readonly tuning: Tuning;
  /** `matmul TM=16 TV=2 WX=8 WY=1` */
  readonly name: string;
}

const MOST_ROWS = 64; // the tallest tile serves these and all above

/** Register tiles go together: the ops choose whole shapes, not one constant at a time. */
function tiles(): Tuning[] {
  const found = new Map<string, Tuning>();
  for (const software of [true, false]) {
    const engine = { info: { software } } as Engine; // all that a tile depends on
    const list = [tileOf(engine)];
    for (let rows = 1; rows <= MOST_ROWS; rows++) list.push(tileFor(engine, rows));
    for (const { tuning } of list) found.set(JSON.stringify(tuning), tuning);
  }
  return [...found.values()];
}

function tuningsOf(kernel: KernelSource, shapes: readonly Tuning[]): Tuning[] {
  const { TM, TV, WX, WY, ...others } = kernel.tunables;
  let tunings: Tuning[] = TM && TV && WX && WY ? [...shapes] : [{}];
  for (const [name, { allowed }] of Object.entries(others))
    tunings = tunings.flatMap((tuning) => allowed.map((value) => ({ ...tuning, [name]: value })));
  return tunings;
}

export function variants(): Variant[] {
  const shapes = tiles();
  return kernelNames().flatMap((name) => {
    const kernel = readKernel(name);
    return tuningsOf(kernel, shapes).map((tuning) => {
      const settings = Object.entries(tuning).map(([key, value]) => ` ${key}=${value}`);
      return { kernel, tuning, name: name + settings.join('') };
    });
  });
}
