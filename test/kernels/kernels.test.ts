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
    // SwiftShader would make machine code of all of them for minutes; what it makes of a kernel shows where ops launch it.
    const slow = engine.info.architecture === 'swiftshader';
    const parts = kernel.parts.map((part) => ({ ...part, text: idle(part.text) }));
    const form = slow ? { ...kernel, name: `${kernel.name} idle`, parts } : kernel;
    for (const tuning of eachValue(kernel)) engine.lowLevel.pipeline(form, tuning);
    await engine.sync();
  },
  120_000,
);
