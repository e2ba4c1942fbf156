import { beforeAll, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { kernelNames, readKernel } from '../../tools/generate.ts';
import { idle } from '../../tools/idle.mjs';
import { eachValue } from '../../tools/variants.ts';
import { sharedEngine } from '../engine.ts';

const kernels = kernelNames().map(readKernel);
const table = kernels.map((kernel) => [kernel.name, kernel] as const);

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

test.each(table)('%s says its formula first, and every piece does', (_, { parts }) => {
  for (const { text } of parts) expect(text).toMatch(/^\/\/ .*[a-z0-9]/i);
});

test.each(table)(
  '%s compiles with each tunable value',
  async (_, kernel) => {
    // Machine code of every form would take a software adapter minutes; what it makes of one shows where ops launch it. Lavapipe
    // makes that of each kernel as its file has it.
    const { software, architecture } = engine.info;
    const parts = kernel.parts.map((part) => ({ ...part, text: idle(part.text) }));
    const quick = { ...kernel, name: `${kernel.name} idle`, parts };
    for (const tuning of eachValue(kernel)) {
      const own = Object.keys(tuning).length === 0 && architecture !== 'swiftshader';
      engine.lowLevel.pipeline(software && !own ? quick : kernel, tuning);
    }
    await engine.sync();
  },
  120_000,
);
