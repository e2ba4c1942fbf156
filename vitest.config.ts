import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// What takes longest where kernels compile slowly, the longest first: one of these at the end would keep one core busy and the
// other idle. Vitest begins with the largest files where it has not measured yet, as after a clone, and these have few lines.
const LONG = [
  'losses/pairs',
  'losses/others',
  'ops/ops',
  'cli/cli',
  'losses/symmetric',
  'losses/sides',
  'methods/methods',
  'kernels/kernels',
  'kernels/races',
  'cli/work',
  'bench/bench',
  'project/docs',
  'losses/',
  'browser/',
  'bench/',
  'kernels/portability',
  'errors/nonFinite',
  'ops/',
  'eval/eval',
  'gpu/process',
];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((name) => moduleId.includes(`/test/${name}`));
      return at < 0 ? LONG.length : at;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  resolve: {
    alias: { '#platform': fileURLToPath(new URL('src/gpu/platform.node.ts', import.meta.url)) },
  },
  test: {
    include: ['test/**/*.test.ts'],
    // With frameworks from npm: `npm run test:adapters`.
    exclude: [
      ...configDefaults.exclude,
      ...(process.env.GRAMIAN_TEST_HOSTS ? [] : ['test/adapters/{browser,jax,ort,starts,tfjs,typegpu}.test.ts']),
    ],
    // Dawn may be started once in a process, and its environment reaches C in the main thread alone: forks, kept alive.
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
