// Every kernel in every form that an op asks for.
import type { KernelSource, Tuning } from '../src/gpu/kernel.ts';
import { shrunk, TILES } from '../src/launch/tile.ts';
import { kernelNames, readKernel } from './generate.ts';

export interface Variant {
  readonly kernel: KernelSource;
  readonly tuning: Tuning;
  /** `matmul TM=16 TV=2 WX=8 WY=1` */
  readonly name: string;
}

/** Register tiles go together: the ops choose whole shapes, not one constant at a time. */
const WHOLE: readonly Tuning[] = TILES.map(({ tuning }) => tuning);

/** Where a product may have few rows or columns, or compile for ever, tiles are cut down to them. */
const SHRUNK = distinct(
  TILES.flatMap((tile) =>
    [4, 8, 16].flatMap((rows) => [32, Number.POSITIVE_INFINITY].map((columns) => shrunk(tile, rows, columns).tuning)),
  ),
);

const SHRINKING: Readonly<Record<string, readonly Tuning[]>> = {
  conv2d: distinct([...WHOLE, ...SHRUNK]),
  conv2d_weight_grad: distinct([...WHOLE, ...SHRUNK]),
  pair_weights: distinct(TILES.map((tile) => shrunk(tile, 8, 32).tuning)),
};

function distinct(list: readonly Tuning[]): Tuning[] {
  return [...new Map(list.map((tuning) => [JSON.stringify(tuning), tuning])).values()];
}

function tuningsOf(kernel: KernelSource): Tuning[] {
  const shapes = SHRINKING[kernel.name] ?? WHOLE;
  const { TM, TV, WX, WY, ...others } = kernel.tunables;
  let tunings: Tuning[] = TM && TV && WX && WY ? [...shapes] : [{}];
  for (const [name, { allowed }] of Object.entries(others))
    tunings = tunings.flatMap((tuning) => allowed.map((value) => ({ ...tuning, [name]: value })));
  return tunings;
}

export function variants(): Variant[] {
  return kernelNames().flatMap((name) => {
    const kernel = readKernel(name);
    return tuningsOf(kernel).map((tuning) => {
      const settings = Object.entries(tuning).map(([key, value]) => ` ${key}=${value}`);
      return { kernel, tuning, name: name + settings.join('') };
    });
  });
}
