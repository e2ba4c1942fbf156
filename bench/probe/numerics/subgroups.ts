// What lanes of a subgroup give each other: sums and maxima over what is not finite, and lanes that are not there.
import { allocate, upload } from '../../buffers.ts';
import { bitsOf, compile, runOnce, shortest } from './ask.ts';
import type { Finding } from './finding.ts';

interface LaneCase {
  /** Of `x`, the lane's own number, `lane` and `size`. */
  readonly expr: string;
  readonly x: (lane: number, size: number) => number;
  /** The lane that is looked at; from the end where negative. */
  readonly at?: number;
}

interface LaneQuestion {
  readonly name: string;
  readonly cases: readonly LaneCase[];
  readonly found?: (values: number[]) => string;
  readonly wgsl: string;
  readonly kept?: (values: number[], size: number) => boolean;
  readonly means: (values: number[]) => string;
}

const { NaN: NAN } = Number;
const CANCELS = [1e8, 1, -1e8, 1];
const one = (expr: string, x: LaneCase['x'], at = 0): LaneCase => ({ expr, x, at });
const nanAt = (place: number) => (lane: number) => (lane === place ? NAN : lane + 1);
const names = (lane: number): number => 100 + lane;

const QUESTIONS: readonly LaneQuestion[] = [
  {
    name: 'subgroupAdd of 1e8, 1, -1e8, 1, 0, ...',
    cases: [one('subgroupAdd(x)', (lane) => CANCELS[lane] ?? 0)],
    wgsl: 'in any order',
    means: ([v]) =>
      v === 1
        ? 'Adds from the first lane to the last.'
        : 'Does not add from the first lane to the last: another size or adapter gives other last bits. Shuffle in an order of your own where bits must agree.',
  },
  {
    name: 'with NaN in lane 1: subgroupAdd, subgroupMul, subgroupMax, subgroupMin',
    cases: ['Add', 'Mul', 'Max', 'Min'].map((name) => one(`subgroup${name}(x)`, nanAt(1))),
    wgsl: 'anything',
    means: ([sum, product, most, least]) =>
      [sum, product, most, least].every(Number.isNaN)
        ? 'A NaN shows in each of them here.'
        : 'Sums show a NaN, maxima and minima drop it: vote on its bits beside.',
  },
  {
    name: 'subgroupMax with NaN in lane 0; all NaN',
    cases: [one('subgroupMax(x)', nanAt(0)), one('subgroupMax(x)', () => NAN)],
    wgsl: 'anything',
    means: ([first, all]) =>
      Number.isNaN(all) && !Number.isNaN(first)
        ? 'A maximum is NaN only where all lanes are.'
        : Number.isNaN(all)
          ? 'A NaN in any lane shows here.'
          : 'A maximum over NaN alone is an ordinary number: it starts from one.',
  },
  {
    name: 'subgroupInclusiveAdd(1) in the last lane, subgroupExclusiveAdd(1) in the first and last',
    cases: [
      one('subgroupInclusiveAdd(x)', () => 1, -1),
      one('subgroupExclusiveAdd(x)', () => 1),
      one('subgroupExclusiveAdd(x)', () => 1, -1),
    ],
    wgsl: 'size, 0, size - 1',
    kept: ([all, none, less], size) => all === size && none === 0 && less === size - 1,
    means: () => 'Prefix sums need no memory and no barrier.',
  },
  {
    name: 'subgroupAdd(1) where only odd lanes ask',
    cases: [one('odd_lanes(x, lane)', () => 1, 1)],
    wgsl: 'size / 2',
    kept: ([count], size) => count === size / 2,
    means: () => 'Lanes that took another branch are left out: reduce before branching, or get less than all.',
  },
  {
    name: 'subgroupShuffleXor(x, 1) in lane 0, subgroupBroadcast(x, 2)',
    cases: [one('subgroupShuffleXor(x, 1u)', names), one('subgroupBroadcast(x, 2u)', names)],
    found: (v) => v.map((each) => `lane ${each - 100}`).join(', '),
    wgsl: 'lanes 1 and 2',
    kept: ([neighbour, third]) => neighbour === 101 && third === 102,
    means: () => 'Lanes exchange numbers as WGSL has it.',
  },
  {
    name: 'from a lane that is not there: subgroupShuffle(x, size), (x, size + 1), Up by 1 in the first, Down by 1 in the last (lanes hold 100, 101, ...)',
    cases: [
      one('subgroupShuffle(x, size)', names),
      one('subgroupShuffle(x, size + 1u)', names),
      one('subgroupShuffleUp(x, 1u)', names),
      one('subgroupShuffleDown(x, 1u)', names, -1),
    ],
    wgsl: 'anything',
    means: () => 'Lanes that are not there give something: select a value of your own at the ends.',
  },
  {
    name: 'subgroupShuffle from a lane that took another branch',
    cases: [one('from_idle(x, lane)', names)],
    wgsl: 'anything',
    means: ([v]) =>
      v === 101
        ? 'Reads what the idle lane holds here; elsewhere not.'
        : 'Does not read what the idle lane holds: shuffle outside of branches.',
  },
  {
    name: 'NaN, Infinity and 1e-40 through a shuffle',
    cases: [NAN, Infinity, 1e-40].map((value) => one('subgroupShuffleXor(x, 1u)', () => value)),
    wgsl: 'unchanged, where finite',
    kept: ([, , small]) => small > 0,
    means: () => 'Shuffles move bits.',
  },
];

const HELPERS = `
  fn odd_lanes(x: f32, lane: u32) -> f32 { var r = 0.0; if (lane % 2u == 1u) { r = subgroupAdd(x); } return r; }
  fn from_idle(x: f32, lane: u32) -> f32 { var r = 0.0; if (lane % 2u == 0u) { r = subgroupShuffle(x, lane + 1u); } return r; }`;

export async function lanes(device: GPUDevice, group: string): Promise<Finding[]> {
  if (!device.features.has('subgroups'))
    return [
      {
        group,
        name: 'subgroups',
        found: 'not offered',
        constants: '',
        wgsl: 'a feature',
        kept: null,
        means: 'Kernels need a form that goes through workgroup memory.',
      },
    ];
  const most = Math.min(128, device.adapterInfo?.subgroupMaxSize || 128);
  const cases = QUESTIONS.flatMap((question) => question.cases);
  const pipeline = await compile(
    device,
    `enable subgroups;
    diagnostic(off, subgroup_uniformity);
    @group(0) @binding(0) var<storage, read> given: array<u32>;
    @group(0) @binding(1) var<storage, read_write> answers: array<f32>;
    ${HELPERS}
    @compute @workgroup_size(${most})
    fn main(@builtin(local_invocation_index) at: u32, @builtin(subgroup_invocation_id) lane: u32, @builtin(subgroup_size) size: u32) {
      if (at == 0u) { answers[0] = f32(size); }
      ${cases
        .map(
          ({ expr }, i) =>
            `{ let x = bitcast<f32>(given[${i * most}u + at]); let v = ${expr}; answers[${1 + i * most}u + at] = v; }`,
        )
        .join('\n')}
    }`,
  );
  if (!pipeline)
    return [
      {
        group,
        name: 'subgroups',
        found: 'offered, but does not compile',
        constants: '',
        wgsl: 'a feature',
        kept: null,
        means: 'Do without them.',
      },
    ];
  const run = async (size: number): Promise<Float32Array> => {
    const given = cases.flatMap(({ x }) =>
      Array.from({ length: most }, (_, lane) => bitsOf(x(lane % size, size), 'f32')),
    );
    const buffers = [upload(device, Uint32Array.from(given)), allocate(device, 1 + given.length)];
    return new Float32Array((await runOnce(device, pipeline, buffers, 1, 1 + given.length)).buffer);
  };
  const size = (await run(most))[0];
  const answers = size === most ? await run(most) : await run(size);
  let index = 0;
  const sizes: Finding = {
    group,
    name: 'size of a subgroup',
    found: size === most ? String(size) : `${size}, of at most ${most}`,
    constants: '',
    wgsl: '4 to 128',
    kept: size >= 4 && size <= 128,
    means: 'Write kernels for a size that is asked for, never for 32.',
  };
  const findings = QUESTIONS.map(({ name, cases: own, found, wgsl, kept, means }): Finding => {
    const values = own.map(({ at = 0 }) => answers[1 + index++ * most + (at < 0 ? size + at : at)]);
    return {
      group,
      name,
      found: found ? found(values) : values.map(shortest).join(', '),
      constants: '',
      wgsl,
      kept: kept ? kept(values, size) : null,
      means: means(values),
    };
  });
  return [sizes, ...findings];
}
