// Every kernel in every form that an op asks for.
import type { KernelSource, Tuning } from '../src/gpu/kernel.ts';
import { shrunk, TILES } from '../src/launch/tile.ts';
import { kernelNames, readKernel } from './generate.ts';

export interface KernelVariant {
  readonly kernel: KernelSource;
  readonly tuning: Tuning;
  /** `matmul TM=16 TV=2 WX=8 WY=1` */
  readonly name: string;
}

/** Register tiles go together: the ops choose whole shapes, not one constant at a time. */
// Fragments, too: what an adapter's matrix unit is decides all of these.
const FRAGMENT_CONSTANTS = ['FM', 'FN', 'FK', 'SM', 'SN', 'SUBGROUP', 'PINNED'];

const WHOLE: readonly Tuning[] = TILES.map(({ tuning }) => tuning);
const TILE_CONSTANTS = ['TM', 'TV', 'WX', 'WY', 'KU', 'REGISTERS'];

/** Where a product may have few rows or columns, or compile for ever, tiles are cut down to them. */
const SHRUNK = distinct(
  TILES.flatMap((tile) =>
    [4, 8, 16, 32].flatMap((rows) =>
      [32, Number.POSITIVE_INFINITY].flatMap((columns) =>
        [1, 2, 16].map((steps) => shrunk(tile, { rows, columns, steps }).tuning),
      ),
    ),
  ),
);

const SHRINKING: Readonly<Record<string, readonly Tuning[]>> = {
  conv2d: distinct([...WHOLE, ...SHRUNK]),
  conv2d_weight_grad: distinct([...WHOLE, ...SHRUNK]),
  conv2d_weight_grad_packed: distinct([...WHOLE, ...SHRUNK]),
  pair_weights: distinct(
    TILES.map((tile) => (tile.tuning.REGISTERS === 0 ? tile : shrunk(tile, { rows: 8, columns: 32 })).tuning),
  ),
};

function distinct(list: readonly Tuning[]): Tuning[] {
  return [...new Map(list.map((tuning) => [JSON.stringify(tuning), tuning])).values()];
}

function tuningsOf(kernel: KernelSource): Tuning[] {
  const shapes = SHRINKING[kernel.name] ?? WHOLE;
  let tunings: Tuning[] = 'TM' in kernel.tunables ? [...shapes] : [{}];
  const fixed = [...TILE_CONSTANTS, ...('FM' in kernel.tunables ? FRAGMENT_CONSTANTS : [])];
  for (const [name, { allowed }] of Object.entries(kernel.tunables).filter(([name]) => !fixed.includes(name)))
    tunings = tunings.flatMap((tuning) => allowed.map((value) => ({ ...tuning, [name]: value })));
  if (kernel.swaps?.some(({ by }) => by === 'FOURS'))
    tunings = tunings.flatMap((tuning) => [tuning, { ...tuning, FOURS: 1 }]);
  return tunings;
}

function named(kernel: KernelSource, tuning: Tuning): KernelVariant {
  const settings = Object.entries(tuning).map(([key, value]) => ` ${key}=${value}`);
  return { kernel, tuning, name: kernel.name + settings.join('') };
}

// Beside the file's own numbers, which are those for software: compiling every mix would take minutes.
const SOME_TILES: readonly Tuning[] = [
  { TM: 8, TV: 1, WX: 16, WY: 4 },
  { TM: 8, KU: 2 },
  { TM: 4, TV: 1, WX: 16, WY: 1, KU: 16 },
  { TM: 32, TV: 1, KU: 4, REGISTERS: 0 },
];
const SOME_FRAGMENTS: readonly Tuning[] = [{ FM: 8, FN: 8, FK: 8, SM: 2, SN: 1 }];

/** The file's own numbers, each listed value by itself, and tiles in which every listed extent occurs. */
export function eachValue({ tunables }: KernelSource): Tuning[] {
  const all: Tuning[] = [{}];
  for (const [name, { value, allowed }] of Object.entries(tunables))
    if (
      !(('TM' in tunables && TILE_CONSTANTS.includes(name)) || ('FM' in tunables && FRAGMENT_CONSTANTS.includes(name)))
    )
      for (const other of allowed) if (other !== value) all.push({ [name]: other });
  if ('TM' in tunables) all.push(...SOME_TILES);
  if ('FM' in tunables) all.push(...SOME_FRAGMENTS);
  return all;
}

/** In plain WGSL, which every adapter takes. */
export function variants(): KernelVariant[] {
  return kernelNames().flatMap((name) => {
    const kernel = readKernel(name);
    return tuningsOf(kernel).map((tuning) => named(kernel, tuning));
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
export function familyVariants(): KernelVariant[] {
  const list: KernelVariant[] = [];
  for (const name of kernelNames()) {
    const kernel = readKernel(name);
    const swaps = new Set(kernel.swaps?.map(({ by }) => by));
    const all = tuningsOf(kernel);
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
