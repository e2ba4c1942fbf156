import { GramianError } from '../src/gpu/errors.ts';
import type { Entry } from './contender.ts';
import { type MeasureOptions, measure, type Surroundings } from './measure.ts';
import type { Row } from './results.ts';
import { CASES, type Case, type Size, workOf } from './works/index.ts';

/** What is measured when nothing is asked for: one work of each family. */
const HEADLINE = [
  'ntXent',
  'supCon',
  'infoNCE',
  'clip',
  'barlowTwins',
  'vicReg',
  'sinkhorn',
  'swav',
  'entropicOT',
  'matmul',
];

const fail = (sentence: string): never => {
  throw new GramianError(`bench: ${sentence}`);
};

/** The cases of a list of names; `all`, or the headline ones where nothing is said. */
export function chooseCases(names: readonly string[] | undefined): Case[] {
  if (names?.includes('all')) return [...CASES];
  const known = new Map(CASES.map((each) => [each.name, each]));
  return (names ?? HEADLINE).map(
    (name) => known.get(name) ?? fail(`--cases ${name}, expected all or some of ${[...known.keys()].join(', ')}.`),
  );
}

/** Extents by axis of `n=512,2048 d=128`. */
export function parseSizes(parts: readonly string[]): Record<string, number[]> {
  return Object.fromEntries(
    parts
      .flatMap((part) => part.split(/\s+/).filter(Boolean))
      .map((part) => {
        const [axis, list = ''] = part.split('=');
        const extents = list.split(',').map(Number);
        if (!/^[a-z]+$/.test(axis) || !extents.every((x) => Number.isInteger(x) && x >= 2 && x <= 2 ** 28))
          fail(`--sizes ${part}, expected an axis and its extents, integers of 2 or more, such as n=512,2048.`);
        return [axis, extents];
      }),
  );
}

/** A case's own sizes, with the asked extents in place of theirs: every combination once. */
export function askedSizes(of: Case, asked: Readonly<Record<string, readonly number[]>>, quick: boolean): Size[] {
  const own = quick ? [of.quick] : of.sizes;
  const axes = of.axes.filter((axis) => asked[axis]);
  const replaced = axes.reduce<readonly Size[]>(
    (sizes, axis) => sizes.flatMap((size) => asked[axis].map((extent) => ({ ...size, [axis]: extent }))),
    own,
  );
  const unique = new Map(replaced.map((size) => [JSON.stringify(size), size]));
  for (const size of unique.values()) {
    const [axis, factor] = Object.entries(of.multiples ?? {}).find(([axis, by]) => size[axis] % by !== 0) ?? [];
    if (axis) fail(`${of.name} has ${axis} = ${size[axis]}, expected a multiple of ${factor}.`);
  }
  return [...unique.values()];
}

/**
 * Every chosen case at every size, smallest first as they come; calls `done` after each with its rows. `entries` are
 * measured on each that names none of its own.
 */
export async function runCases(
  cases: readonly { of: Case; sizes: readonly Size[]; entries?: readonly Entry[] }[],
  entries: readonly Entry[],
  plan: MeasureOptions,
  around: Surroundings,
  done: (rows: readonly Row[]) => void,
): Promise<void> {
  for (const { of, sizes, entries: own = entries } of cases)
    for (const size of sizes) {
      if (around.stop()) return;
      done(await measure(workOf(of, size), own, plan, around));
    }
}

/** Refuses an axis that no chosen case has: a typing error would otherwise measure something else. */
export function checkAxes(cases: readonly Case[], asked: Readonly<Record<string, unknown>>): void {
  const known = new Set(cases.flatMap(({ axes }) => axes));
  for (const axis of Object.keys(asked))
    if (!known.has(axis)) fail(`--sizes ${axis}=..., expected an axis of the chosen cases: ${[...known].join(', ')}.`);
}
