// Three of the package's ops as a user would write them: on public names alone.
import {
  customGrad,
  defineKernel,
  type Engine,
  matmul,
  pairReduction,
  sum,
  type Tensor,
  transpose,
} from '../../src/index.ts';
import { link } from '../../src/kernels/index.ts';

/** What pieces can be told, as `explain` lists it of an op that uses them: TM, TV, WX, WY of a tile. */
export type Constants = Readonly<Record<string, number>>;

/** The start of a module: its uniform, its buffers (the last is written), and `main` up to the number of its group. */
function opening(params: string, buffers: readonly string[], size: string): string {
  const declared = buffers.map((buffer, i) => {
    const access = i === buffers.length - 1 ? 'read_write' : 'read';
    return `@group(0) @binding(${i + 1}) var<storage, ${access}> ${buffer};`;
  });
  return `
struct Params { first_group: u32, end_group: u32, ${params} }
@group(0) @binding(0) var<uniform> p: Params;
${declared.join('\n')}

@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }`;
}

// exp(x), and x / (1 + exp(-x)) ---------------------------------------------------------------------------------------

const EACH = 4; // elements an invocation

function elementwise(name: string, inputs: readonly string[], body: string): (of: Record<string, Tensor>) => Tensor {
  const arrays = [...inputs, 'y'].map((buffer) => `${buffer}: array<f32>`);
  const run = defineKernel({
    name,
    workgroups: ({ x }) => Math.ceil(x.size / (256 * EACH)),
    wgsl: link(`// @use grid
fn value(i: u32) -> f32 { ${body} }
${opening('count: u32', arrays, '256')}
  let first = group * ${256 * EACH}u + lane;
  if ((group + 1u) * ${256 * EACH}u <= p.count) {
    // @unroll
    for (var n = 0u; n < ${EACH}; n++) {
      y[first + n * 256u] = value(first + n * 256u);
    }
    return;
  }
  for (var i = first; i < p.count; i += 256u) { y[i] = value(i); }
}`),
  });
  return (of) => run(of, { y: of.x.shape }, { count: of.x.size }).y;
}

const expOf = elementwise('own_exp', ['x'], 'return exp(x[i]);');
const expGrad = elementwise('own_exp_grad', ['x', 'dy'], 'return dy[i] * x[i];');

export const ownExp = customGrad((x: Tensor) => {
  const y = expOf({ x });
  return { value: y, saved: [y], gradient: (dy) => [expGrad({ x: y, dy })] };
});

const siluOf = elementwise('silu', ['x'], 'return x[i] / (exp(-x[i]) + 1.0);');
const siluGrad = elementwise(
  'silu_grad',
  ['x', 'dy'],
  'let s = 1.0 / (exp(-x[i]) + 1.0); return dy[i] * s * (1.0 + x[i] * (1.0 - s));',
);

export const silu = customGrad((x: Tensor) => ({
  value: siluOf({ x }),
  saved: [x],
  gradient: (dy) => [siluGrad({ x, dy })],
}));

// The softmax of each row ---------------------------------------------------------------------------------------------

/** @param constants LANES: how many lanes share a row, and meet in workgroup memory where they are several */
export function rowSoftmax(constants: Constants): (x: Tensor) => Tensor {
  const rowwise = (name: string, inputs: readonly string[], body: string) => {
    const arrays = [...inputs, 'out'].map((buffer) => `${buffer}: array<f32>`);
    const run = defineKernel({
      name,
      workgroups: (of) => Math.ceil((of[inputs[0]].shape[0] * constants.LANES) / 64),
      wgsl: link(
        `// @use grid rows precise_exp
${opening('rows: u32, columns: u32', arrays, 'WG')}
  let i = group * (WG / LANES) + lane / LANES;
  let at = min(i, p.rows - 1u) * p.columns; // a barrier wants all lanes, those past the last row too
${body}
}`,
        { constants },
      ),
    });
    return (of: Record<string, Tensor>): Tensor => {
      const [rows, columns] = of[inputs[0]].shape;
      return run(of, { out: [rows, columns] }, { rows, columns }).out;
    };
  };
  const forward = rowwise(
    'row_softmax',
    ['x'],
    `  var top = -1e30;
  for (var k = lane % LANES; k < p.columns; k += LANES) { top = max(top, x[at + k]); }
  top = row_max(lane, top);
  var sums = vec4f();
  for (var k = lane % LANES; k < p.columns; k += LANES) {
    sums = vec4f(sums.yzw, sums.x + precise_exp(x[at + k] - top));
  }
  let total = row_sum(lane, (sums.x + sums.y) + (sums.z + sums.w));
  if (i >= p.rows) { return; }
  for (var k = lane % LANES; k < p.columns; k += LANES) { out[at + k] = precise_exp(x[at + k] - top) / total; }`,
  );
  const backward = rowwise(
    'row_softmax_grad',
    ['y', 'dy'],
    `  var mean = 0.0;
  for (var k = lane % LANES; k < p.columns; k += LANES) { mean = fma(y[at + k], dy[at + k], mean); }
  mean = row_sum(lane, mean);
  var rest = 0.0; // of a row that is nearly one-hot, what rounding left of the mean is as large as the gradient
  for (var k = lane % LANES; k < p.columns; k += LANES) { rest = fma(y[at + k], dy[at + k] - mean, rest); }
  rest = row_sum(lane, rest);
  if (i >= p.rows) { return; }
  for (var k = lane % LANES; k < p.columns; k += LANES) { out[at + k] = y[at + k] * ((dy[at + k] - mean) - rest); }`,
  );
  return customGrad((x: Tensor) => {
    const y = forward({ x });
    return { value: y, saved: [y], gradient: (dy) => [backward({ y, dy })] };
  });
}

// y_i = sum over j != i of exp(z_i.z_j / tau), in tiles of which none is stored -----------------------------------------

/** A strip of the tile's rows a workgroup; `zt` lies k-major, which is how tiles read. */
function overPairs(name: string, tile: Constants, params: string, buffers: readonly string[], body: string) {
  const all = `n: u32, depth: u32, stride4: u32, tau: f32, ${params}`;
  const arrays = ['lhs: array<vec4f>', 'rhs: array<vec4f>', ...buffers];
  return defineKernel({
    name,
    features: ['subgroups', 'subgroup-size-control'].filter((_, i) => ['SUBGROUP', 'PINNED'][i] in tile),
    workgroups: (_, { n, parts }) => Math.ceil(n / (tile.TM * tile.WY)) * parts,
    wgsl: link(
      `// @use grid tile_long
fn scores(c: ptr<function, array<vec4f, TILE_BLOCK>>, row: u32, column4: u32) {
  tile_clear(c);
  tile_long_product(c, row / 4u, p.stride4, column4, p.stride4, p.depth);
}
fn counts(i: u32, j: vec4u) -> vec4<bool> { return (j < vec4u(p.n)) & (j != vec4u(i)); }
fn columns(column4: u32, v: u32) -> vec4u { return vec4u(4u * (column4 + v * WX)) + vec4u(0u, 1u, 2u, 3u); }
${opening(all, arrays, 'WX, WY')}
${body}
}`,
      { constants: tile },
    ),
  });
}

interface PairSchedule {
  /** The tile of the sums, and into how many slices a row's columns are cut: few rows alone would leave most of a machine idle. */
  readonly sums: Constants;
  readonly parts: number;
  /** The tile of the gradient's weights, which are stored: n^2 numbers. */
  readonly weights: Constants;
}

/** The same by an op of the package. */
export function ourExpSums(z: Tensor, tau: number): Tensor {
  return pairReduction(z, undefined, {
    metric: 'dot',
    value: 'exp(s / tau)',
    derivative: 'exp(s / tau) / tau',
    reduce: 'sum',
    exclude: 'self',
    parameters: { tau },
  });
}

/** How the package runs it on this adapter. */
export function scheduleOf(engine: Engine, z: Tensor): PairSchedule {
  const launches = engine.explain(() => sum(ourExpSums(z, 1)).backward());
  const find = (name: string) => launches.find(({ kernel }) => kernel.startsWith(`${name} (`)) as (typeof launches)[0];
  const tileOf = (tuning: Constants): Constants => {
    const names = ['TM', 'TV', 'WX', 'WY', 'KU', 'REGISTERS', 'SUBGROUP', 'PINNED'].filter((name) => name in tuning);
    return Object.fromEntries(names.map((name) => [name, tuning[name]]));
  };
  const { tuning, groups } = find('pair_sum');
  const strips = Math.ceil(z.shape[0] / (tuning.TM * tuning.WY));
  return { sums: tileOf(tuning), parts: groups / strips, weights: tileOf(find('pair_weights').tuning) };
}

export function expSums({ sums, parts, weights }: PairSchedule): (z: Tensor, tau: number) => Tensor {
  const widthOf = ({ TV, WX }: Constants): number => 4 * TV * WX;
  const roundUp = (count: number, to: number): number => Math.ceil(count / to) * to;
  const edge = Math.max(128, widthOf(sums), widthOf(weights)); // whole tiles, whichever reads
  const kMajor = defineKernel({
    name: 'k_major',
    workgroups: (_, { depth, stride }) => Math.ceil((depth * stride) / 64),
    wgsl: link(`// @use grid
${opening('n: u32, depth: u32, stride: u32', ['z: array<f32>', 'zt: array<f32>'], '64')}
  let at = group * 64u + lane;
  if (at >= p.depth * p.stride) { return; }
  let i = at % p.stride;
  zt[at] = select(0.0, z[min(i, p.n - 1u) * p.depth + at / p.stride], i < p.n);
}`),
  });
  const partialSums = overPairs(
    'exp_sums',
    sums,
    'parts: u32, width: u32',
    ['partial: array<f32>'],
    `  let part = group % p.parts;
  let row = (group / p.parts) * TILE_ROWS + local.y * TM;
  var total: array<f32, TM>;
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    total[m] = 0.0;
  }
  for (var left = part * p.width; left < min((part + 1u) * p.width, p.n); left += TILE_COLUMNS) {
    let column4 = left / 4u + local.x;
    var c: array<vec4f, TILE_BLOCK>;
    scores(&c, row, column4);
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      var found = vec4f();
      // @unroll
      for (var v = 0u; v < TV; v++) {
        found += select(vec4f(), exp(c[m * TV + v] / p.tau), counts(row + m, columns(column4, v)));
      }
      total[m] += (found.x + found.y) + (found.z + found.w);
    }
  }
  // @unroll REGISTERS
  for (var m = 0u; m < TM; m++) {
    if (row + m < p.n) { partial[(part * WX + local.x) * p.n + row + m] = total[m]; }
  }`,
  );
  const pairWeights = overPairs(
    'exp_weights',
    weights,
    'parts: u32, width4: u32',
    ['dy: array<f32>', 'weights: array<vec4f>'],
    `// @use store_panel
  let row = (group / p.parts) * TILE_ROWS + local.y * TM;
  let column4 = (group % p.parts) * (TILE_COLUMNS / 4u) + local.x;
  var c: array<vec4f, TILE_BLOCK>;
  scores(&c, row, column4);
  // @unroll
  for (var v = 0u; v < TV; v++) {
    let j = columns(column4, v);
    let at = min(j, vec4u(p.n - 1u));
    let across = vec4f(dy[at.x], dy[at.y], dy[at.z], dy[at.w]);
    // @unroll REGISTERS
    for (var m = 0u; m < TM; m++) {
      let both = vec4f(dy[min(row + m, p.n - 1u)]) + across; // s_ij is in y_i and in y_j
      c[m * TV + v] = select(vec4f(), both * exp(c[m * TV + v] / p.tau) / p.tau, counts(row + m, j));
    }
  }
  store_panel(&c, row, column4, p.n);`,
  );
  return (given, tau) =>
    customGrad((z: Tensor) => {
      const [n, depth] = z.shape;
      const stride = roundUp(n, edge);
      const sizes = { n, depth, stride4: stride / 4, tau };
      const { zt } = kMajor({ z }, { zt: [depth, stride] }, { n, depth, stride });
      const width = roundUp(Math.ceil(n / parts), widthOf(sums));
      const slices = Math.ceil(n / width);
      const output = { partial: [slices * sums.WX, n] };
      const { partial } = partialSums({ lhs: zt, rhs: zt }, output, { ...sizes, parts: slices, width });
      return {
        value: sum(partial, 0),
        saved: [zt],
        gradient: (dy) => {
          const cut = { parts: stride / widthOf(weights), width4: stride / 4 };
          const { weights: w } = pairWeights({ lhs: zt, rhs: zt, dy }, { weights: [n, stride] }, { ...sizes, ...cut });
          return [matmul(w, transpose(zt))];
        },
      };
    })(given);
}
