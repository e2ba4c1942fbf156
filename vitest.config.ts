import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// Files of few lines that take minutes where kernels compile slowly. Vitest begins with the largest files where it has not
// measured yet, as after a clone: one of these at the end would keep one core busy and the other idle.
const LONG = [
  'losses/pairs',
  'losses/sides',
  'losses/others',
  'losses/symmetric',
  'cli/cli',
  'cli/work',
  'ops/ops',
  'ops/digits',
  'project/docs',
  'browser/',
  'kernels/portability',
  'kernels/races',
  'methods/methods',
  'eval/eval',
  'gpu/faults',
  'gpu/process',
];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const long = ({ moduleId }: TestSpecification) => LONG.some((name) => moduleId.includes(`/test/${name}`));
    return [...sorted.filter(long), ...sorted.filter((file) => !long(file))];
  }
}

export default defineConfig({
  resolve: {
    alias: { '#platform': fileURLToPath(new URL('src/gpu/platform.node.ts', import.meta.url)) },
  },
  test: {
    include: ['test/**/*.test.ts'],
    // Dawn may be started once in a process, and its environment reaches C in the main thread alone: forks, kept alive.
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
