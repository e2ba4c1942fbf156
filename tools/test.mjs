// npm test [-- vitest's arguments]: every test on this machine's adapter, and those that use the GPU again on SwiftShader,
// with the system's drivers out of sight. The last line counts all runs: `N passed, N failed`.
// npm run test:quick: types, lint, and a shape or two of each op, loss and method on one adapter (test/tier.ts).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare, root, run } from './prepare.mjs';

// The second run is about another adapter: these do not look at the one that is pinned. Single tests: test/tier.ts.
const ONCE = [
  'badValues/**',
  'browser/**',
  'bench/**',
  'cli/{checkpoint,cli,directories,init,invoked,work,writable}.test.ts',
  'data/{data,folder,safetensors}.test.ts',
  'engine/tuner.test.ts',
  'gpu/{link,platform}.test.ts',
  'kernels/{kernels,races}.test.ts',
  'project/**',
  'report/**',
  'tuning/choices.test.ts',
];

const quick = process.argv[2] === '--quick';
/** What vitest gets: its own arguments, or the files of the quick tier. */
const chosen = quick
  ? [
      'gpu/link',
      'losses/pairs',
      'losses/sides',
      'losses/others',
      'ops/ops',
      'methods/methods',
      'optim/optim',
      'errors/errors',
      'core/failures',
      'engine/recorded',
      'engine/recordedTraining',
      'engine/recordedRefused',
      'cli/invoked',
      'cli/beforehand',
    ].map((name) => `test/${name}.test.ts`)
  : process.argv.slice(2);

// In the run on the carried SwiftShader no driver of the system opens, in no program that a test starts: what passes here
// passes on a machine that has none. OpenGL too, which wgpu takes where Vulkan has nothing.
const NOWHERE = join(root, 'test', 'no-driver.json');
const HIDDEN = {
  GRAMIAN_TEST_DRIVERS: 'hidden',
  VK_DRIVER_FILES: NOWHERE,
  VK_ICD_FILENAMES: NOWHERE,
  __EGL_VENDOR_LIBRARY_FILENAMES: NOWHERE,
};
// Looks whether they are, and takes no adapter that is pinned: once, in that run.
const HIDDEN_ONLY = 'kernels/portability.test.ts';

const PROBE = `import { openAdapter } from './dist/platform.node.js';
const { source, note } = await openAdapter({ adapter: 'auto' });
console.log(JSON.stringify({ source, note }));`;

/** What this machine offers by itself, in a process of its own: Dawn lives once in a process. */
function probe(pin) {
  const env = { ...process.env, GRAMIAN_ADAPTER: pin };
  const args = ['--input-type=module', '--eval', PROBE];
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, env, encoding: 'utf8' });
  return status === 0 ? JSON.parse(stdout.trim().split('\n').at(-1)) : null;
}

/** The adapters to test on, as values of GRAMIAN_ADAPTER; '' is what the system offers first. */
function adapters() {
  const wanted = process.env.GRAMIAN_ADAPTER ? [process.env.GRAMIAN_ADAPTER] : ['', 'swiftshader'];
  const found = wanted.map((pin) => ({ pin, ...probe(pin) }));
  const usable = found.filter(({ pin, source }) => source && (pin !== '' || source !== 'embedded-software'));
  return quick ? usable.slice(0, 1) : usable;
}

/** One run of vitest without these files, counted from what its JSON reporter wrote. */
function runTests({ pin, source }, tier, without, folder) {
  const file = join(folder, `${pin || 'system'}.json`);
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const skip = without.map((name) => `--exclude=test/${name}`);
  if (skip.length > 0) skip.push('--passWithNoTests'); // where the arguments choose files of the other run
  const vitest = join('node_modules', 'vitest', 'vitest.mjs');
  const hidden = source === 'embedded-software' ? HIDDEN : {};
  const env = { ...process.env, GRAMIAN_ADAPTER: pin, GRAMIAN_TEST_TIER: tier, ...hidden };
  const code = run(process.execPath, [vitest, ...args, ...skip, ...chosen], { env });
  let passed = 0;
  let failed = 0;
  try {
    const { numPassedTests, testResults } = JSON.parse(readFileSync(file, 'utf8'));
    passed = numPassedTests;
    for (const { status, assertionResults } of testResults) {
      const wrong = assertionResults.filter((test) => test.status === 'failed').length;
      failed += status === 'failed' ? Math.max(1, wrong) : wrong; // a file that does not load has no tests to count
    }
  } catch (error) {
    console.error(`test: vitest left no result: ${error.message}`);
  }
  // A crash, or an error outside of a test, is a failure too.
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
}

prepare({ quick });
if (quick) {
  const checks = [['node_modules/typescript/bin/tsc'], ['tools/lint.mjs']];
  const failing = checks.filter((check) => run(process.execPath, check) !== 0);
  if (failing.length > 0) {
    console.log(`0 passed, ${failing.length} failed`);
    process.exit(1);
  }
}
const found = adapters();
if (found.length === 0) {
  console.error(
    'test: no adapter opens here; npm ci brings SwiftShader on Linux x64, elsewhere a GPU driver is needed.',
  );
  console.log('0 passed, 1 failed');
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'gramian-test-'));
const total = { passed: 0, failed: 0 };
const hiding = found.some(({ source }) => source === 'embedded-software');
found.forEach((adapter, index) => {
  console.log(`\n== ${adapter.note} ==`);
  const again = index > 0;
  const tier = quick ? 'quick' : again ? 'again' : 'all';
  const elsewhere = hiding && adapter.source !== 'embedded-software' ? [HIDDEN_ONLY] : [];
  const { passed, failed } = runTests(adapter, tier, [...(again ? ONCE : []), ...elsewhere], folder);
  total.passed += passed;
  total.failed += failed;
});
rmSync(folder, { recursive: true, force: true });
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
