// The worst error of builtins over many numbers, beside what WGSL allows.
import { allocate, upload } from '../../buffers.ts';
import { compile, runOnce, shortest } from './ask.ts';
import type { Finding } from './finding.ts';
import { HELPER, type Span, SWEEPS, type Sweep, ulp, type Worst } from './sweeps.ts';

const GROUP = 64;
const COUNT = 1 << 16;
const GOLDEN = (Math.sqrt(5) - 1) / 2;
const SILVER = Math.SQRT2 - 1;

const LEAST = 2 ** -126;

/** Half of them even by value, half even by exponent, and neighbours of the ends and of 1. */
function numbers({ from, to }: Span, step: number): Float32Array<ArrayBuffer> {
  const list = new Float32Array(COUNT);
  const spread = from < 0 && to > 0 ? [from, to] : [from > 0 ? to : from];
  const least = from > 0 ? from : to < 0 ? -to : 2 ** -40 * Math.max(-from, to);
  for (let i = 0; i < COUNT; i++) {
    const share = (i * step) % 1;
    const end = spread[i % 4 === 3 ? spread.length - 1 : 0];
    list[i] = i % 2 === 0 ? from + share * (to - from) : Math.sign(end) * least * (Math.abs(end) / least) ** share;
  }
  const corners = [from, to, 1].filter((x) => x >= from && x <= to && x !== 0);
  corners.forEach((corner, c) => {
    for (let i = -8; i < 8; i++) {
      const near = Math.fround(corner + i * ulp(corner) * (i < 0 ? 0.5 : 1));
      if (near >= from && near <= to) list[32 * c + i + 8] = near;
    }
  });
  return list;
}

function worstOf({ unit, exact, allowed }: Sweep, got: Float32Array, x: Float32Array, y: Float32Array): Worst {
  let [error, errorBeyond, share, unrounded, counted] = [-1, 0, 0, 0, 0];
  let [at, beyond]: number[][] = [[], []];
  for (let i = 0; i < COUNT; i++) {
    const right = exact(x[i], y[i]);
    const size = Math.abs(right);
    if (!(size < 3.4e38) || (size < LEAST && size > 0)) continue; // overflow, and what may be flushed
    counted++;
    const off = Math.abs(got[i] - right);
    if (got[i] !== Math.fround(right)) unrounded++;
    const measured = off === 0 ? 0 : unit === 'ulp' ? off / ulp(right) : unit === 'relative' ? off / size : off;
    if (!(measured <= error)) [error, at] = [measured, [x[i], y[i]]];
    const part = allowed ? off / allowed(right, x[i], y[i]) : 0;
    if (!(part <= share)) [share, errorBeyond, beyond] = [part, measured, [x[i], y[i]]];
  }
  return { error, at, unrounded: unrounded / counted, share, beyond, errorBeyond };
}

const digits = (value: number): string => shortest(Number(value.toPrecision(2)));

async function findingOf(device: GPUDevice, sweep: Sweep, group: string): Promise<Finding> {
  const { name, expr, unit, wgsl, allowed } = sweep;
  const pipeline = await compile(
    device,
    `${HELPER}
    @group(0) @binding(0) var<storage, read> xs: array<f32>;
    @group(0) @binding(1) var<storage, read> ys: array<f32>;
    @group(0) @binding(2) var<storage, read_write> results: array<f32>;
    @compute @workgroup_size(${GROUP}) fn main(@builtin(global_invocation_id) id: vec3u) {
      let x = xs[id.x]; let y = ys[id.x]; results[id.x] = ${expr};
    }`,
  );
  if (!pipeline)
    return { group, name, found: 'does not compile', constants: '', wgsl, kept: null, means: 'Do without it.' };
  const x = numbers(sweep.x, GOLDEN);
  const y = sweep.y ? numbers(sweep.y, SILVER) : new Float32Array(COUNT);
  const buffers = [upload(device, x), upload(device, y), allocate(device, COUNT)];
  const got = new Float32Array((await runOnce(device, pipeline, buffers, COUNT / GROUP, COUNT)).buffer);
  const worst = worstOf(sweep, got, x, y);
  const amount = (error: number, at: readonly number[]): string => {
    const text =
      unit === 'ulp' ? `${digits(error)} ulp` : unit === 'relative' ? `${digits(100 * error)} %` : digits(error);
    return `${text} at ${sweep.y ? at.map(shortest).join(', ') : shortest(at[0])}`;
  };
  const { error, at, share, beyond, errorBeyond } = worst;
  let found = worst.unrounded === 0 ? 'all rounded to nearest' : amount(error, at);
  if (share > 1 && beyond[0] !== at[0])
    found += `; ${amount(errorBeyond, beyond)}, where ${digits(errorBeyond / share)} is allowed`;
  return { group, name, found, constants: '', wgsl, kept: allowed ? share <= 1 : null, means: sweep.means(worst) };
}

export async function worstErrors(device: GPUDevice, group: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const sweep of SWEEPS) findings.push(await findingOf(device, sweep, group));
  return findings;
}
