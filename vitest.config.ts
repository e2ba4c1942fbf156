import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

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
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
