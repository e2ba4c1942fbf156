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
    const engine = { info: { software }, choice: { families: [] as readonly string[] } } as Engine; // all that a tile depends on
    const list = [tileOf(engine)];
    for (let rows = 1; rows <= MOST_ROWS; rows++) list.push(tileFor(engine, rows));
    for (const { tuning } of list) found.set(JSON.stringify(tuning), tuning);
  }
  return [...found.values()];
}

// Fragments, too: what an adapter's matrix unit is decides all of these.
export const FRAGMENT_CONSTANTS = ['FM', 'FN', 'FK', 'SM', 'SN', 'SUBGROUP', 'PINNED'];

function tuningsOf(kernel: KernelSource, shapes: readonly Tuning[]): Tuning[] {
  const { TM, TV, WX, WY, ...others } = kernel.tunables;
  let tunings: Tuning[] = TM && TV && WX && WY ? [...shapes] : [{}];
  const fixed = 'FM' in others ? FRAGMENT_CONSTANTS : [];
  for (const [name, { allowed }] of Object.entries(others).filter(([name]) => !fixed.includes(name)))
    tunings = tunings.flatMap((tuning) => allowed.map((value) => ({ ...tuning, [name]: value })));
  return tunings;
}

function named(kernel: KernelSource, tuning: Tuning): Variant {
  const settings = Object.entries(tuning).map(([key, value]) => ` ${key}=${value}`);
  return { kernel, tuning, name: kernel.name + settings.join('') };
}

/** In plain WGSL, which every adapter takes. */
export function variants(): Variant[] {
  const shapes = tiles();
  return kernelNames().flatMap((name) => {
    const kernel = readKernel(name);
    return tuningsOf(kernel, shapes).map((tuning) => named(kernel, tuning));
  });
}

/** Matrix units of NVIDIA, Intel and Apple, as their adapters list them. */
const MATRIX_UNITS: readonly Tuning[] = [
  { F16: 1, FM: 16, FN: 16, FK: 16, SM: 4, SN: 2 },
  { F16: 1, FM: 8, FN: 16, FK: 16, SM: 4, SN: 2, PINNED: 1 },
  { F16: 1, FM: 8, FN: 8, FK: 8, SM: 4, SN: 4 },
  { FM: 8, FN: 8, FK: 8, SM: 4, SN: 4 },
];

/** In the families that need more than every adapter has. */
export function familyVariants(): Variant[] {
  const shapes = tiles();
  const list: Variant[] = [];
  for (const name of kernelNames()) {
    const kernel = readKernel(name);
    const swaps = new Set(kernel.swaps?.map(({ by }) => by));
    const all = tuningsOf(kernel, shapes);
    const halves: Tuning[] = swaps.has('F16') ? all.map((tuning) => ({ ...tuning, F16: 1 })) : [];
    if (swaps.has('MATRIX')) {
      for (const tuning of all)
        for (const unit of MATRIX_UNITS)
          if (unit.F16 || !tuning.SPLIT) list.push(named(kernel, { ...tuning, ...unit, MATRIX: 1 }));
      continue;
    }
    for (const tuning of halves) list.push(named(kernel, tuning));
    if (!swaps.has('SUBGROUP')) continue;
    const lanes = 'LANES' in kernel.tunables;
    if ('TM' in kernel.tunables)
      for (const tuning of [...all, ...halves])
        list.push(named(kernel, { ...tuning, SUBGROUP: tuning.WX === 8 ? 8 : 32 }));
    else if (lanes)
      for (const tuning of all)
        if (tuning.LANES !== 1)
          for (const size of [8, 32])
            list.push(named(kernel, { ...tuning, LANES: size, SUBGROUP: size, PINNED: size === 32 ? 1 : 0 }));
  }
  return list;
}
