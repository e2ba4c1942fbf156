// npm run test:adapters [-- tfjs jax ...]: the adapters with the frameworks themselves, which are 660 MB from npm.
import { join } from 'node:path';
import { prepare, root, run } from './prepare.mjs';

prepare();
const named = process.argv.slice(2).map((name) => `test/adapters/${name}.test.ts`);
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
process.exitCode = run(process.execPath, [vitest, 'run', ...(named.length > 0 ? named : ['test/adapters'])], {
  env: { ...process.env, GRAMIAN_TEST_HOSTS: '1' },
});
