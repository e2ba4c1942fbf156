import { expect, test } from 'vitest';
import { link } from '../src/gpu/link.ts';
import { checkWithNaga } from '../tools/naga-check.mjs';
import { variants } from '../tools/variants.ts';

const carried = process.platform === 'linux' && process.arch === 'x64';

test.skipIf(!carried)(
  "naga, the compiler of Firefox, takes every kernel in every form that an op asks for, at WebGPU's default limits",
  async () => {
    const list = variants().map(({ kernel, tuning, name }) => ({ name, code: link(kernel, tuning).code }));
    const results = await checkWithNaga(list);
    expect(results.filter((result) => !result.ok)).toEqual([]);
    expect(results).toHaveLength(list.length);
  },
  300_000,
);
