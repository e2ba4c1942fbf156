// Reads and writes past the end, which WGSL makes harmless, and each device in its way.
import { allocate, upload } from '../../buffers.ts';
import { compile, runOnce } from './ask.ts';
import type { Finding } from './finding.ts';

// `data` holds 100 to 107, the others 200 to 203. Indices: one past the end, far past it, and -1.
const CODE = `
  @group(0) @binding(0) var<storage, read> given: array<u32>;
  @group(0) @binding(1) var<storage, read_write> data: array<u32>;
  @group(0) @binding(2) var<storage, read_write> answers: array<u32>;
  var<workgroup> shared_memory: array<u32, 4>;
  @compute @workgroup_size(1) fn main() {
    var local = array<u32, 4>(200u, 201u, 202u, 203u);
    var components = vec4u(200u, 201u, 202u, 203u);
    for (var i = 0u; i < 4u; i++) { shared_memory[i] = 200u + i; }
    answers[0] = data[given[0]]; answers[1] = data[given[1]]; answers[2] = data[given[2]];
    answers[3] = local[given[0]]; answers[4] = shared_memory[given[0]]; answers[5] = components[given[0]];
    data[given[0]] = 1u; data[given[1]] = 2u; data[given[2]] = 3u;
    local[given[0]] = 4u; shared_memory[given[0]] = 5u;
    for (var i = 0u; i < 8u; i++) { answers[6u + i] = data[i]; }
    for (var i = 0u; i < 4u; i++) { answers[14u + i] = local[i]; answers[18u + i] = shared_memory[i]; }
  }`;
const ANSWERS = 22;

export async function outOfBounds(device: GPUDevice, group: string): Promise<Finding[]> {
  const pipeline = await compile(device, CODE);
  if (!pipeline) return [];
  const data = Uint32Array.from({ length: 8 }, (_, i) => 100 + i);
  const buffers = [upload(device, Uint32Array.of(8, 1e6, 0xffffffff)), upload(device, data), allocate(device, ANSWERS)];
  const answers = [...(await runOnce(device, pipeline, buffers, 1, ANSWERS))];
  const reads = answers.slice(0, 3);
  const inside = answers.slice(3, 6);
  const arrays: [name: string, elements: number[]][] = [
    ['storage buffer', answers.slice(6, 14)],
    ['function array', answers.slice(14, 18)],
    ['workgroup array', answers.slice(18)],
  ];
  const isNew = (value: number): boolean => value < 100;
  const changed = arrays.filter(([, elements]) => elements.some(isNew));
  const allowed = (values: number[], first: number, count: number): boolean =>
    values.every((value) => value === 0 || (value >= first && value < first + count));
  const clamped = (values: number[], last: number): boolean => values.every((value) => value === last);
  return [
    {
      group,
      name: 'storage buffer of 100 to 107 read at 8, 1000000 and 4294967295',
      found: reads.join(', '),
      constants: '',
      wgsl: 'an element, or 0',
      kept: allowed(reads, 100, 8),
      means: clamped(reads, 107)
        ? 'The last element is read: a sum that runs past the end counts it again. Mask, do not rely on zeros.'
        : 'Zeros are read here; elsewhere the last element is. Mask, do not rely on zeros.',
    },
    {
      group,
      name: 'function array, workgroup array and vector of 200 to 203 read at 8',
      found: inside.join(', '),
      constants: '',
      wgsl: 'an element, or 0; of a vector anything',
      kept: allowed(inside.slice(0, 2), 200, 4),
      means: clamped(inside, 203)
        ? 'The index is cut to the last element.'
        : 'The index is not cut to the last element everywhere.',
    },
    {
      group,
      name: 'writes at these places: what they change',
      found:
        changed
          .map(
            ([name, all]) => `${name}: ${all.findIndex(isNew) === all.length - 1 ? 'the last' : 'not only the last'}`,
          )
          .join(', ') || 'nothing',
      constants: '',
      wgsl: 'nothing, or an element',
      kept: answers.slice(6).every((value) => value <= 5 || value >= 100),
      means:
        changed.length === 0
          ? 'A write past the end is dropped here; elsewhere it hits the last element.'
          : 'A write past the end destroys the last element: guard writes by the length.',
    },
  ];
}

/** Milliseconds until a pipeline of so many statements in line is there; each text is new, as drivers keep what they compiled. */
async function compiling(device: GPUDevice, statements: number): Promise<number> {
  const lines = Array.from({ length: statements }, (_, i) => `x = x * y + ${i}.5;`);
  const code = `@group(0) @binding(0) var<storage, read_write> data: array<f32>;
    @compute @workgroup_size(1) fn main() { var x = data[0] + ${Math.random()}; let y = data[1]; ${lines.join('\n')} data[0] = x; }`;
  const start = performance.now();
  await compile(device, code);
  return performance.now() - start;
}

export async function compileTime(device: GPUDevice, group: string): Promise<Finding[]> {
  const short = await compiling(device, 500);
  const long = short < 2000 ? await compiling(device, 2000) : Number.NaN;
  const seconds = (ms: number): string => `${(ms / 1000).toPrecision(2)} s`;
  return [
    {
      group,
      name: 'compiling 500 and 2000 statements in line',
      found: `${seconds(short)}, ${Number.isNaN(long) ? 'not tried' : seconds(long)}`,
      constants: '',
      wgsl: 'no promise',
      kept: null,
      means:
        long > 5 * short || Number.isNaN(long)
          ? 'Time grows faster than the text: prefer loops to unrolling.'
          : 'Unrolled code compiles in time that grows with its length.',
      varies: true,
    },
  ];
}
