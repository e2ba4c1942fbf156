import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { linkKernel } from '../../src/gpu/link.ts';
import { kernelNames, readKernel } from '../../tools/generate.ts';
import { checkWithNaga, nagaAdapter } from '../../tools/naga-check.mjs';
import { eachValue, variants } from '../../tools/variants.ts';

const carried = process.platform === 'linux' && process.arch === 'x64';

test.skipIf(!carried)(
  "naga, the compiler of Firefox, takes every kernel in every form that an op asks for, at WebGPU's default limits",
  async () => {
    const list = new Map(variants().map(({ kernel, tuning, name }) => [linkKernel(kernel, tuning).code, name]));
    for (const kernel of kernelNames().map(readKernel))
      for (const tuning of eachValue(kernel))
        list.set(linkKernel(kernel, tuning).code, `${kernel.name} ${JSON.stringify(tuning)}`);
    const { adapters, answers } = await checkWithNaga([...list].map(([code, name]) => ({ name, code })));
    expect(answers.filter((answer) => !answer.ok)).toEqual([]);
    expect(answers).toHaveLength(list.size);
    expect(adapters).toEqual([expect.stringContaining('SwiftShader')]);
  },
  240_000,
);

const buffers = (count: number): string => {
  const names = Array.from({ length: count }, (_, i) => `b${i}`);
  const declared = names.map((name, i) => `@group(0) @binding(${i}) var<storage, read_write> ${name}: array<f32>;`);
  return `${declared.join('\n')}\n@compute @workgroup_size(1) fn main() { ${names.map((b) => `${b}[0] = 1;`).join(' ')} }`;
};
const lanes = (size: string): string => `@compute @workgroup_size(${size}) fn main() {}`;
const memory = (floats: number, more: string): string =>
  `const N: u32 = ${floats};\nvar<workgroup> a: array<f32, N>;\nvar<workgroup> b: ${more};\n` +
  '@compute @workgroup_size(1) fn main() { a[0] = b[0]; }';
const inside = (statement: string): string => `@compute @workgroup_size(1) fn main() { ${statement} }`;

test.skipIf(!carried)(
  'what breaks the language or a default limit is refused, and what just keeps them is not',
  async () => {
    const table: [name: string, code: string, refusal: RegExp | null][] = [
      ['8 buffers', buffers(8), null],
      ['9 buffers', buffers(9), /StorageBuffers.*limit is 8, count was 9/s],
      ['256 lanes', lanes('16, 16'), null],
      ['257 lanes', lanes('257'), /257 total invocations/],
      ['65 lanes deep', lanes('1, 1, 65'), /per-dimension limit/],
      ['16 KiB', memory(4092, 'array<f32, 1>'), null],
      ['a float more', memory(4093, 'array<f32, 1>'), /const_assert/],
      ['memory of a type without a size', memory(1, 'array<mat2x2f, 1>'), /size_of_mat2x2f/],
      ['a wrong type', inside('let x: u32 = 1.5;'), /u32/],
      ['no entry', 'fn main() {}', /no compute entry/],
    ];
    const { answers } = await checkWithNaga(table.map(([name, code]) => ({ name, code })));
    expect(answers).toEqual(
      table.map(([name, , refusal]) =>
        refusal ? { name, ok: false, message: expect.stringMatching(refusal) } : { name, ok: true, message: '' },
      ),
    );
  },
);

const PROBE = `import { openAdapter } from './dist/platform.node.js';
console.log((await openAdapter({ adapter: 'auto' })).source);`;

test.skipIf(!carried || process.env.GRAMIAN_TEST_DRIVERS !== 'hidden')(
  'where npm test hides the drivers of the system, none opens: neither for Node nor for Deno',
  async () => {
    const args = ['--input-type=module', '--eval', PROBE];
    const cwd = fileURLToPath(new URL('../..', import.meta.url));
    const env = { ...process.env, GRAMIAN_ADAPTER: '' };
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd, env, encoding: 'utf8' });
    expect(stdout.trim(), stderr).toBe('embedded-software');
    expect(await nagaAdapter()).toBeNull();
  },
);
